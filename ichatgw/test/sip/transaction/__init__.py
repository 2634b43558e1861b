"""
Tests of L{ichatgw.sip.transaction}.
"""
