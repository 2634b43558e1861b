"""
Tests of L{ichatgw.forwarding}.
"""
