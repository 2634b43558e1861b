"""
The gateway as a service: it starts, stops, is killed, loses servers and sockets, and tells how it is.
"""
