"""
Tests of L{ichatgw.observe.records}.
"""
