"""
Tests of L{ichatgw.trunks}.
"""
