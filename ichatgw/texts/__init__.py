"""
Texts that people write each other between XMPP and SIP (RFC 7572), outside of calls.
"""
