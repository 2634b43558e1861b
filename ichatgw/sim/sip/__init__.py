"""
A simulated SIP phone.
"""
