"""
Tests of L{ichatgw.media.sockets.sockets}.
"""
