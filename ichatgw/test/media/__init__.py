"""
Tests of L{ichatgw.media}.
"""
