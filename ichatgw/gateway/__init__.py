"""
The whole gateway: the one place where all parts meet.
"""
