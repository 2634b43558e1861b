"""
Calls that are over, kept in a file for some days.
"""
