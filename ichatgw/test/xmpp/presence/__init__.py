"""
Tests of L{ichatgw.xmpp.presence}.
"""
