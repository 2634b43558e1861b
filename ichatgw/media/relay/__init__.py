"""
The relay of a call: two sides, and a flow each way.
"""
