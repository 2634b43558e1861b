"""
Tests of L{ichatgw.sim.sip}.
"""
