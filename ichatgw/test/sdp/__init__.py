"""
Tests of L{ichatgw.sdp}.
"""
