"""
Tests of L{ichatgw.config.reading}.
"""
