"""
Calls, and what changes in them.
"""
