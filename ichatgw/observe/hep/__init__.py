"""
What goes over the wire, to a server that keeps it (HEP 3, Homer).
"""
