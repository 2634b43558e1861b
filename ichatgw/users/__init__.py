"""
What users have chosen for themselves.
"""
