"""
What is known of addresses and names on the network: our own, literals, DNS, STUN servers.
"""
