"""
Tests of L{ichatgw.check.dialling}.
"""
