"""
Tests of L{ichatgw.check.asking}.
"""
