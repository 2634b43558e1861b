"""
A simulated Jingle client.
"""
