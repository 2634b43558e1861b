"""
Figures for programs that watch the gateway.
"""
