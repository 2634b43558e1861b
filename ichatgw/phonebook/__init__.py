"""
The phone book: which number belongs to which user, and what else is known of the two.
"""
