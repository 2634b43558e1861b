"""
RTP and RTCP packets, payload types, G.711 and telephone events.
"""
