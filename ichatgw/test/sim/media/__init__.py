"""
Tests of L{ichatgw.sim.media.media}.
"""
