"""
Registrations at a SIP registrar (RFC 3261 section 10).
"""
