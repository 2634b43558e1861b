"""
Tests of L{ichatgw.media.srtp}.
"""
