"""Simulated far ends: an iChat, a SIP phone and a small XMPP router."""
