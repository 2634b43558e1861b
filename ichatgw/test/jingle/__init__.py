"""
Tests of L{ichatgw.jingle}.
"""
