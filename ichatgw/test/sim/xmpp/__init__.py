"""
Tests of L{ichatgw.sim.xmpp}.
"""
