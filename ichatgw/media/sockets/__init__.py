"""
UDP sockets for media, and the range of ports that they come from.
"""
