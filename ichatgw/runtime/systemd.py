# -*- test-case-name: ichatgw.test.runtime.test_systemd -*-
"""
What C{systemd} is told (sd_notify(3)): that the process is ready, reads its settings again or stops, how it is, and
that it lives, so that one that stands still is started again (C{WatchdogSec}).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

from attrs import frozen

ALIVE = "WATCHDOG=1"
READY = "READY=1"
STOPPING = "STOPPING=1"
RELOADING = "RELOADING=1"

Send = Callable[[bytes, str], object]


def _socket() -> Send:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    made.setblocking(False)
    return made.sendto


def _nowhere(data: bytes, address: str) -> None:
    """For a process that systemd has not started."""


@frozen
class Notifier:
    """
    @ivar isHeard: was the process started by systemd, with a socket for notices?
    @ivar wantsLife: whether L{ALIVE} is wanted, several times within C{WatchdogSec}.
    """

    isHeard: bool = False
    wantsLife: bool = False
    _send: Send = _nowhere
    _address: str = ""

    @classmethod
    def of(
        cls, environ: Mapping[str, str] = os.environ, pid: int | None = None, connect: Callable[[], Send] = _socket
    ) -> Notifier:
        """
        @param environ: says where notes go to, and what is wanted of this process.
        @param pid: of this process.
        """
        path = environ.get("NOTIFY_SOCKET", "")
        if not path.startswith(("/", "@")):
            return cls()
        address = "\0" + path[1:] if path[0] == "@" else path
        ours = str(pid or os.getpid())
        wantsLife = bool(environ.get("WATCHDOG_USEC")) and environ.get("WATCHDOG_PID", "") in ("", ours)
        return cls(True, wantsLife, connect(), address)

    def tell(self, *notes: str) -> None:
        """Send notes such as L{READY}, all in one message.  Never raises."""
        with suppress(OSError):
            self._send("\n".join(notes).encode("utf-8", "replace"), self._address)

    def alive(self) -> None:
        """Say that the process lives."""
        self.tell(ALIVE)
