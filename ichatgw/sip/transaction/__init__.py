"""
SIP transactions (RFC 3261 section 17): sippy's layer on our reactor, and requests outside dialogs.
"""
