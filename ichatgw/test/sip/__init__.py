"""
Tests of L{ichatgw.sip}.
"""
