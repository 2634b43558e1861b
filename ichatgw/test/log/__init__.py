"""
Tests of L{ichatgw.log}.
"""
