"""
Tests of L{ichatgw.sip.register}.
"""
