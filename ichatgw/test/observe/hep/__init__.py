"""
Tests of L{ichatgw.observe.hep}.
"""
