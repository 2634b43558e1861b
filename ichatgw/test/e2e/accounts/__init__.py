"""
Users, numbers and trunks: who is registered where, and who is called by which address.
"""
