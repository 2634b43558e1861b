"""
Tests of L{ichatgw.runtime}.
"""
