"""
What translation rules are for: addresses that they may be meant for.
"""
