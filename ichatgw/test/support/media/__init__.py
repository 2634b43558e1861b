"""
What tests of media share.
"""
