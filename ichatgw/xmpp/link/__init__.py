"""
The link to the XMPP server (XEP-0114).
"""
