"""
Tests of L{ichatgw.jingle.session.session}.
"""
