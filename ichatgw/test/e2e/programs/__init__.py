"""
Programs of other people, and the gateway, as end-to-end tests run them.
"""
