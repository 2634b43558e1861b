"""
What several tests share: stand-ins, scenes and values.
"""
