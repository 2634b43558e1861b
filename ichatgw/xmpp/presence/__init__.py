"""
Presence and subscriptions, and what follows from them.
"""
