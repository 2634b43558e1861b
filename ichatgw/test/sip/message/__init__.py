"""
Tests of L{ichatgw.sip.message}.
"""
