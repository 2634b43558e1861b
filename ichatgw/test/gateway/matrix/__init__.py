"""
Tests of what C{make interop} itself is made of.
"""
