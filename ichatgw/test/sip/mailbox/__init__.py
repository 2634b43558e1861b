"""
Tests for L{ichatgw.sip.mailbox}.
"""
