"""
Tests for L{ichatgw.xmpp.cards}.
"""
