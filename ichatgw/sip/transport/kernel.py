# -*- test-case-name: ichatgw.test.sip.transport.test_udp,ichatgw.test.sip.transport.test_connectionpool -*-
"""
The receive buffers of the system's sockets.
"""

from __future__ import annotations

from fcntl import ioctl
from sys import byteorder
from termios import FIONREAD
from typing import Any


def holds(transport: Any) -> bool:
    """Are there octets for a socket that we have not read?  C{transport} is what has it, a port or a connection."""
    try:
        return bool(int.from_bytes(ioctl(transport.fileno(), FIONREAD, bytes(4)), byteorder))
    except (AttributeError, OSError, ValueError):
        return False  # it is closed, or no socket of the system
