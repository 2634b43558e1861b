"""
Tests of L{ichatgw.media.dtls.dtls}.
"""
