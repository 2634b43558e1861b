"""
Tests of the whole gateway, and of what its parts promise together.
"""
