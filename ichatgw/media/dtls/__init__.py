"""
DTLS handshakes that give keys for SRTP (RFC 5764).
"""
