"""
ICE (RFC 8445): candidates, checks, nomination and consent.
"""
