# -*- test-case-name: ichatgw.test.runtime.test_systemd -*-
"""
A sign of life for C{systemd} (sd_notify(3), C{WatchdogSec}), which starts a process again that stands still.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

ALIVE = b"WATCHDOG=1"

Send = Callable[[bytes, str], object]


def _socket() -> Send:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    made.setblocking(False)
    return made.sendto


def watchdog(
    environ: Mapping[str, str] = os.environ, pid: int | None = None, connect: Callable[[], Send] = _socket
) -> Callable[[], None] | None:
    """
    What is to be called several times within C{WatchdogSec}; it never raises.

    @param environ: says whether that is wanted of this process, and where signs go to.
    @param pid: of this process.
    @return: C{None} if no sign is wanted.
    """
    path = environ.get("NOTIFY_SOCKET", "")
    wanted = environ.get("WATCHDOG_PID", "") or str(pid or os.getpid())
    if not path.startswith(("/", "@")) or not environ.get("WATCHDOG_USEC") or wanted != str(pid or os.getpid()):
        return None
    send, address = connect(), "\0" + path[1:] if path[0] == "@" else path

    def alive() -> None:
        with suppress(OSError):
            send(ALIVE, address)

    return alive
