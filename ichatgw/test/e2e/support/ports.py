# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Free ports on loopback, below those that the system hands out by itself.

Several processes may run tests at once.  Each claims a share of the ports for as long as it lives, since a port that is
free when it is chosen may be taken by another process before the program is there that it was chosen for.
"""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

from attrs import Factory, define, field

LOWEST, HIGHEST = 12000, 31800
SHARE = 1800
"""How many ports a process has: a minute or two of tests, after which the first ones are free again."""


CLAIM = "\0ichatgw-ports"


class NoPorts(Exception):
    """Other processes have claimed all shares."""


def claimed() -> tuple[socket.socket, range]:
    """
    The ports of a share that no other process has.

    @return: what holds the share until it is closed (a Unix socket of the abstract namespace, which ends with its
        process), and the ports.
    @raise NoPorts: if there is none.
    """
    shares = range(LOWEST, HIGHEST, SHARE)
    # Runs that follow each other begin elsewhere: connections of the last one may still be in TIME-WAIT.
    for number in range(len(shares)):
        first = shares[(os.getpid() + number) % len(shares)]
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"{CLAIM}-{first}")
        except OSError:
            claim.close()
        else:
            return claim, range(first, first + SHARE)
    raise NoPorts(f"{len(shares)} other processes have claimed all ports from {LOWEST} to {HIGHEST}")


@define
class Ports:
    """Hands out ports that nobody listens on, each only once in a round over the share of this process."""

    _claim: socket.socket | None = field(default=None, init=False)
    _share: range = field(default=Factory(lambda: range(0)), init=False)
    _next: int = field(default=0, init=False)

    def take(self, count: int = 1) -> int:
        """
        C{count} ports in a row, free for UDP and TCP; the first is even.

        @return: the first.
        @raise NoPorts: if other processes have claimed all, or if this one has not so many in a row.
        """
        if self._claim is None:
            self._claim, self._share = claimed()
            self._next = self._share.start
        for _ in range(2 * len(self._share)):
            first = self._next + self._next % 2
            self._next = first + count
            if self._next > self._share.stop:
                self._next = self._share.start
            elif all(_isFree(port) for port in range(first, first + count)):
                return first
        raise NoPorts(f"there are no {count} free ports in a row from {self._share.start} to {self._share.stop}")

    def close(self) -> None:
        """Give the share up."""
        if self._claim is not None:
            self._claim.close()
            self._claim = None


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
