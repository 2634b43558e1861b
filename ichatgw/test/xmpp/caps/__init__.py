"""
Tests of L{ichatgw.xmpp.caps.caps}.
"""
