"""
Tests of L{ichatgw.xmpp}.
"""
