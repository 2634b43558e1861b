"""
What users can ask of the gateway, and have it do for them.
"""
