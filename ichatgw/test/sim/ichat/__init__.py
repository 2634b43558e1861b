"""
Tests of L{ichatgw.sim.ichat.ichat}.
"""
