"""
Tests of L{ichatgw.media.rtp.rtp}.
"""
