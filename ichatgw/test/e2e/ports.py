# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Free ports on loopback, below those that the system hands out by itself.
"""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

from attrs import define, field

LOWEST, HIGHEST = 12000, 31000


@define
class Ports:
    """Hands out ports that nobody listens on, each only once."""

    _next: int = field(factory=lambda: LOWEST + os.getpid() * 97 % (HIGHEST - LOWEST))

    def take(self, count: int = 1) -> int:
        """
        C{count} ports in a row, free for UDP and TCP; the first is even.

        @return: the first.
        """
        while True:
            first = self._next + self._next % 2
            self._next = first + count
            if self._next > HIGHEST:
                self._next = LOWEST
            elif all(_isFree(port) for port in range(first, first + count)):
                return first


def _isFree(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with closing(socket.socket(socket.AF_INET, kind)) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def isOpen(port: int, kind: str = "udp", listening: bool = False) -> bool:
    """Does a program on this machine have the port of that kind; with C{listening}, for others to connect to it?"""
    wanted = f":{port:04X} 00000000" if listening else f":{port:04X} "
    return any(wanted in Path(table).read_text() for table in (f"/proc/net/{kind}", f"/proc/net/{kind}6"))
