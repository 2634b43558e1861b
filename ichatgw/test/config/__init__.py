"""
Tests of L{ichatgw.config.settings}.
"""
