"""
The way of one party's media: plain, with SRTP, or with ICE and SRTP.
"""
