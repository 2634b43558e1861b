"""
Tests of L{ichatgw.net}.
"""
