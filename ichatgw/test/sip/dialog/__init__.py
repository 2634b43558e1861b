"""
Tests of L{ichatgw.sip.dialog}.
"""
