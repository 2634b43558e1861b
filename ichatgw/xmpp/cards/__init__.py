"""
Who is behind our addresses: visiting cards, and their pictures.
"""
