"""
Tests of L{ichatgw.media.ice.agent}.
"""
