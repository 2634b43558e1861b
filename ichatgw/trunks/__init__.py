"""
What trunks mean for where calls lead.
"""
