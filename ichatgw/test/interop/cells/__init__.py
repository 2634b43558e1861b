"""
The cells of the matrix: who calls whom, and what is done in the call.
"""
