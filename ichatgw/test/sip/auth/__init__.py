"""
Tests of L{ichatgw.sip.auth}.
"""
