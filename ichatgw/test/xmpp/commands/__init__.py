"""
Tests of L{ichatgw.xmpp.presence.presence}.
"""
