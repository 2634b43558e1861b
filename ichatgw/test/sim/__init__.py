"""
Tests of L{ichatgw.sim}.
"""
