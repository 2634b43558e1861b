"""
Tests of L{ichatgw.sim.jingle.client}.
"""
