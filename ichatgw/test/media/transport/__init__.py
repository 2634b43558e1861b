"""
Tests of L{ichatgw.media.transport.transport}.
"""
