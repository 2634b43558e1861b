"""
Tests of L{ichatgw.sip.texts}.
"""
