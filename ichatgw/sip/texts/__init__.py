"""
Texts on the SIP side: MESSAGE outside of dialogs (RFC 3428), and what tells that one has arrived (RFC 5438).
"""
