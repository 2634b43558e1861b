"""
Tests of L{ichatgw.config}.
"""
