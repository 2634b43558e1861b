"""
What tests of SIP share.
"""
