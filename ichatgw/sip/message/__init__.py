"""
SIP messages: framing, the gate before sippy's parser, header values, bodies and statuses.
"""
