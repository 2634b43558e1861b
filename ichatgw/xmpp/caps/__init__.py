"""
What clients can: discovery and entity capabilities (XEP-0030, XEP-0115, XEP-0390).
"""
