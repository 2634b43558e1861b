# -*- test-case-name: ichatgw.test.observe.records.test_appender -*-
"""
The program that appends records to their file.  It runs beside the gateway, and goes on until all is written if the
gateway is killed.  See C{docs/decisions/0038-records-outlive-the-process.rst}.

It reads orders from its standard input, one a line: C{>}, the path in hexadecimal digits, a blank and the first line of
each file; or C{+} and a line for the file.  On its standard output it says in JSON when the file can no longer be
written (C{broken}, and why) and when it can again (C{lost}, and how many lines).  It imports nothing but the standard
library, so that it is small and there at once.
"""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

MAX_WAITING = 20_000
"""Lines that wait for a disk that does not take them; beyond that the oldest are lost."""

RETRY = 5.0
"""Seconds until a file that could not be written is tried again."""

TRIES = 60
"""How often a file that cannot be written is tried after the gateway has ended."""

_MOST = 1 << 20


def write(path: bytes, lines: list[bytes], head: bytes = b"", openFile: Callable[..., int] = os.open) -> None:
    """
    Append lines to a file, all or none.  It is opened anew for all that waits at a time: a file that has been moved
    away, as C{logrotate} does, is not written to any more, with or without a signal.

    @param head: what a file begins with; nothing if empty.
    @raise OSError: if that cannot be; the file is as before.
    """
    fd = openFile(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o640)
    try:
        about = os.fstat(fd)
        isFile = stat.S_ISREG(about.st_mode)
        data = b"".join(line + b"\n" for line in lines)
        if isFile and about.st_size and os.pread(fd, 1, about.st_size - 1) != b"\n":
            data = b"\n" + data  # the power went while a line was written
        elif head and isFile and not about.st_size:
            data = head + b"\n" + data
        if os.write(fd, data) < len(data):
            if isFile:
                os.ftruncate(fd, about.st_size)
            raise OSError(0, "no room for all of it")
    finally:
        os.close(fd)


class Appender:
    """
    Carries orders out.

    @ivar path: the file, absolute.
    @ivar head: the first line of each file; none if empty.
    @ivar isBroken: it could not be written when it was tried last.
    @ivar lost: how many lines could not be kept since.
    """

    def __init__(self) -> None:
        self.path = self.head = b""
        self.isBroken = False
        self.lost = 0
        self._begun = b""
        self._waiting: deque[bytes] = deque()

    def take(self, data: bytes) -> None:
        """Read orders; the end of the last one may come later."""
        *orders, self._begun = (self._begun + data).split(b"\n")
        for order in orders:
            if order.startswith(b">"):
                path, _, self.head = order[1:].partition(b" ")
                self.path = bytes.fromhex(path.decode())
            elif order:
                self._waiting.append(order[1:])
                if len(self._waiting) > MAX_WAITING:
                    self._waiting.popleft()
                    self.lost += 1

    def flush(self) -> Iterator[dict[str, object]]:
        """
        Write what waits.

        @return: what the gateway has to be told.
        """
        if not self._waiting:
            return
        try:
            write(self.path, list(self._waiting), self.head)
        except OSError as problem:
            if not self.isBroken:
                self.isBroken, self.lost = True, 0
                yield {"broken": problem.strerror}
            return
        self._waiting.clear()
        if self.isBroken:
            self.isBroken = False
            yield {"lost": self.lost}


def run(
    appender: Appender,
    read: Callable[[float | None], bytes | None],
    pause: Callable[[float], object],
    say: Callable[[bytes], object],
    seconds: Callable[[], float] = time.monotonic,
) -> None:
    """
    Carry out all orders there are, and end when no more can come.

    @param read: waits for as many seconds at most; gives what has come, C{None} if nothing has, and nothing at the end.
    @param pause: waits for as many seconds.
    @param say: takes what the gateway is told.
    """

    def flush() -> None:
        for told in appender.flush():
            say(json.dumps(told).encode() + b"\n")

    due = 0.0
    while (data := read(RETRY if appender.isBroken else None)) != b"":
        appender.take(data or b"")
        if not appender.isBroken or seconds() >= due:
            flush()
            due = seconds() + RETRY
    flush()
    for _ in range(TRIES):
        if appender.isBroken:
            pause(RETRY)
            flush()


def _read(seconds: float | None) -> bytes | None:
    ready, _, _ = select.select([0], [], [], seconds)
    return os.read(0, _MOST) if ready else None


def _pause(seconds: float) -> None:
    select.select([], [], [], seconds)


def _say(line: bytes) -> None:
    with suppress(OSError):  # the gateway may have ended
        os.write(1, line)


def main() -> None:
    """Run as a program."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # all of a group may get them; it ends with its input
        signal.signal(each, signal.SIG_IGN)
    run(Appender(), _read, _pause, _say)


if __name__ == "__main__":
    main()
