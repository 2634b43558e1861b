"""
A line for each attempt to call.
"""
