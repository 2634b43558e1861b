"""
What administrators can ask of the gateway while it runs, and have it do.
"""
