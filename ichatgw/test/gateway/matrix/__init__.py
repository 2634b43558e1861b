"""
Tests of what C{make interop} and C{make e2e} are made of themselves.
"""
