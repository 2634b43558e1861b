"""
SIP dialogs (RFC 3261 section 12): requests within them, offers and answers, PRACK and session timers.
"""
