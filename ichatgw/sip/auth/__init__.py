"""
Digest authentication (RFC 3261 section 22, RFC 7616), ours and that of those who call.
"""
