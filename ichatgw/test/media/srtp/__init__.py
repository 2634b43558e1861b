"""
Tests of L{ichatgw.media.srtp.srtp}.
"""
