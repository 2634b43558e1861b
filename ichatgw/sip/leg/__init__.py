"""
The legs of SIP parties.
"""
