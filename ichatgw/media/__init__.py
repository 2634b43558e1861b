"""The media relay: RTP in on one side of a call, out on the other."""
