"""
A small XMPP server, and the way of clients to it.
"""
