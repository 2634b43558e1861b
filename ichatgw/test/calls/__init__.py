"""
Tests of L{ichatgw.calls}.
"""
