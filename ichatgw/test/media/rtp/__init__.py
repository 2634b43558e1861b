"""
Tests of L{ichatgw.media.rtp}.
"""
