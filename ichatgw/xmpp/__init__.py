"""XMPP: the component link, presence, discovery and subscriptions."""
