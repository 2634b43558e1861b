"""
Tests of L{ichatgw.sip.transport}.
"""
