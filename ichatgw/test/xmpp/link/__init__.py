"""
Tests of L{ichatgw.xmpp.link}.
"""
