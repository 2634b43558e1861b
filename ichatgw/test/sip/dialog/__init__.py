"""
Tests of L{ichatgw.sip.dialog.dialog}.
"""
