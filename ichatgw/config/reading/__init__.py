"""
How settings are read from text, and written down for administrators.
"""
