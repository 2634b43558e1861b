"""
The stanzas of Jingle calls, read and written (XEP-0166, XEP-0167, XEP-0176, XEP-0353).
"""
