"""
The log: its file, messages in full, and what is never shown.
"""
