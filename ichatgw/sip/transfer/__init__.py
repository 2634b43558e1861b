"""
Transfers (RFC 3515, RFC 3891, RFC 4538).
"""
