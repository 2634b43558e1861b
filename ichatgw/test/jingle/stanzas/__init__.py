"""
Tests of L{ichatgw.jingle.stanzas.jingle}.
"""
