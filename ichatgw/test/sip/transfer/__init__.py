"""
Tests of L{ichatgw.sip.transfer}.
"""
