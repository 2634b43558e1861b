"""
Tests of L{ichatgw.texts}.
"""
