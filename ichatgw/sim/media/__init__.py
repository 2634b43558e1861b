"""
The media of simulated phones: sockets, packets and tones.
"""
