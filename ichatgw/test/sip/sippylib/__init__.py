"""
Tests of L{ichatgw.sip.sippylib}.
"""
