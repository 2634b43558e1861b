"""
Tests of L{ichatgw.sip.trunk}.
"""
