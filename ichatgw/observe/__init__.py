"""
What happens, as one stream of events, and who reads it: the calls that live and lived, with their ladders.
"""
