"""
What sippy needs to live on our reactor: its clock, and a check that it is a version that fits.
"""
