"""
Tests of L{ichatgw.check}.
"""
