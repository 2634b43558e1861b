"""
Jingle sessions (XEP-0166): their state, and what may be asked of them.
"""
