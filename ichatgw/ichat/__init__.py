"""Apple iChat's audio calls (C{apple:iq:vc:*} over XMPP, then SIP straight to the client)."""
