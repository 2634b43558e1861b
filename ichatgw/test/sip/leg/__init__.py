"""
Tests of L{ichatgw.sip.leg.leg}.
"""
