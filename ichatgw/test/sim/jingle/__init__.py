"""
Tests of L{ichatgw.sim.jingle}.
"""
