"""
SRTP (RFC 3711) and keys that travel with the signalling (RFC 4568).
"""
