# -*- test-case-name: ichatgw.test.observe.records.test_file -*-
"""
A file that lines are appended to, for good: written where a disk that hangs delays nothing else, and at once, so that
nothing is missing if the process is killed.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable
from functools import partial

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.runtime.disk import Disk

MAX_WAITING = 20_000
"""Lines that wait for a disk that does not take them; beyond that the oldest are lost."""

RETRY = 5.0
"""Seconds until a file that could not be written is tried again."""

_log = Logger()


@define(eq=False)
class RecordFile:
    """
    Appends lines.  It is opened anew for all that waits at a time: a file that has been moved away, as C{logrotate}
    does, is not written to any more, with or without a signal.

    @ivar path: absolute.
    @ivar head: the first line of each file; none if empty.
    @ivar lost: how many lines could not be kept.
    """

    path: str
    _disk: Disk
    _clock: IReactorTime
    head: str = ""
    lost: int = field(default=0, init=False)
    _waiting: deque[str] = field(factory=deque, init=False)
    _isWriting: bool = field(default=False, init=False)
    _isBroken: bool = field(default=False, init=False)

    def append(self, line: str) -> None:
        """Write C{line}, now or as soon as that is possible."""
        self._waiting.append(line)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self.lost += 1
        if not self._isBroken:
            self._write()

    def close(self) -> None:
        """Wait until all records are handed to the system.  For the end, when no call is up."""
        self._write()
        self._disk.settle()

    def _write(self) -> None:
        if self._isWriting or not self._waiting:
            return
        self._isWriting = True
        lines = list(self._waiting)
        written = self._disk.run(partial(write, self.path, lines, self.head))
        written.addCallbacks(self._written, self._failed, callbackArgs=(len(lines),))
        written.addErrback(lambda failure: _log.failure("Records could not be written", failure))

    def _written(self, _: object, count: int) -> None:
        self._isWriting = False
        for _unused in range(min(count, len(self._waiting))):
            self._waiting.popleft()
        if self._isBroken:
            self._isBroken = False
            _log.info("{path} is written again; {lost} lines are lost", path=self.path, lost=self.lost)
        self._write()

    def _failed(self, failure: Failure) -> None:
        failure.trap(OSError)
        self._isWriting = False
        if not self._isBroken:
            self._isBroken = True
            _log.error(
                "{path} cannot be written: {why}; records wait, and it is tried again every {seconds} s",
                path=self.path,
                why=failure.getErrorMessage(),
                seconds=round(RETRY),
            )
        self._clock.callLater(RETRY, self._write)


def write(path: str, lines: list[str], head: str = "", openFile: Callable[..., int] = os.open) -> None:
    """
    Append lines to a file, all or none; for the disk's thread.

    @param head: what a file begins with.
    @raise OSError: if that cannot be; the file is as before.
    """
    fd = openFile(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o640)
    try:
        about = os.fstat(fd)
        isFile = stat.S_ISREG(about.st_mode)
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
        if isFile and about.st_size and os.pread(fd, 1, about.st_size - 1) != b"\n":
            data = b"\n" + data  # a process was killed while it wrote
        elif head and isFile and not about.st_size:
            data = f"{head}\n".encode() + data
        if os.write(fd, data) < len(data):
            if isFile:
                os.ftruncate(fd, about.st_size)
            raise OSError(0, "no room for all of it")
    finally:
        os.close(fd)
