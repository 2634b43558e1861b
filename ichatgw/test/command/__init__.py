"""
Tests of L{ichatgw.command}.
"""
