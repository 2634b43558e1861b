"""
A simulated iChat.
"""
