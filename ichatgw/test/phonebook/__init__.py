"""
Tests of L{ichatgw.phonebook}.
"""
