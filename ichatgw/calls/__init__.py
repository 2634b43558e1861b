"""
Calls: who may make them, where they lead, and the machine that joins two legs.
"""
