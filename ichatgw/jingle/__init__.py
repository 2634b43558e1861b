"""Jingle: today's XMPP clients, as legs."""
