"""
Tests of L{ichatgw.users}.
"""
