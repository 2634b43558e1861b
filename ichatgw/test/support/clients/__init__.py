"""
Clients of XMPP for tests.
"""
