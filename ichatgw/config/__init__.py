"""
Settings: their kinds, where they are read from, and what a reload changes.
"""
