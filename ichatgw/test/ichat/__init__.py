"""
Tests of L{ichatgw.ichat}.
"""
