"""
How checks ask this host and the network.
"""
