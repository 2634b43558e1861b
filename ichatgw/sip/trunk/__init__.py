"""
Trunks: accounts at SIP servers, by which calls come and go.
"""
