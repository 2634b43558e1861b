"""
Self-service over XMPP: ad-hoc commands (XEP-0050) with forms (XEP-0004).
"""
