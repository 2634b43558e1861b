"""
Tests of L{ichatgw.media.relay.relay}.
"""
