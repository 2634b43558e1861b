# -*- test-case-name: ichatgw.test.observe.records.test_file -*-
"""
A file that lines are appended to, for good: they are handed to another process in the turn in which they come, so that
nothing is missing if this one is killed, and no disk delays anything.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.observe.records import appender
from ichatgw.observe.records.appender import MAX_WAITING, RETRY
from ichatgw.runtime.clock import cancel

AGAIN = 0.05
"""Seconds until a full pipe is tried again."""

PIPE_OCTETS = 1 << 20
"""Octets that wait for the other process, if the system allows as many."""

_COMMAND = (sys.executable, "-I", "-S", appender.__file__)

_log = Logger()


class _Beside(ProcessProtocol):
    """
    What the other process says.

    @param path: gives the file.
    @param gone: called when it has ended.
    """

    def __init__(self, path: Callable[[], str], gone: Callable[[], None]) -> None:
        self._path = path
        self._gone = gone
        self._said = b""

    def outReceived(self, data: bytes) -> None:
        """See L{ichatgw.observe.records.appender}."""
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "broken" in told:
                _log.error(
                    "{path} cannot be written: {why}; records wait, and it is tried again every {seconds} s",
                    path=self._path(),
                    why=told["broken"],
                    seconds=round(RETRY),
                )
            else:
                _log.info("{path} is written again; {lost} lines are lost", path=self._path(), lost=told["lost"])

    def errReceived(self, data: bytes) -> None:
        """What should not happen."""
        _log.error("What writes {path} says: {text}", path=self._path(), text=data.decode("utf-8", "replace")[-500:])

    def processEnded(self, reason: Failure) -> None:
        """See C{IProcessProtocol}."""
        self._gone()


@define(eq=False)
class RecordFile:
    """
    Appends lines.

    @ivar path: absolute.
    @ivar lost: how many lines could not be kept here.
    """

    _reactor: Any
    path: str = field(default="", init=False)
    lost: int = field(default=0, init=False)
    _head: str = field(default="", init=False)
    _runs: bool = field(default=False, init=False)
    _pipe: int | None = field(default=None, init=False)
    _order: bytes = field(default=b"", init=False)
    _waiting: deque[bytes] = field(factory=deque, init=False)
    _line: bytes = field(default=b"", init=False)
    _sent: int = field(default=0, init=False)
    _later: IDelayedCall | None = field(default=None, init=False)

    def aim(self, path: str, head: str = "") -> None:
        """
        Write to that file from now on, also what could not be written to the one before.

        @param path: absolute.
        @param head: the first line of each file; none if empty.
        """
        self.path, self._head = path, head
        self._order = self._aimed()
        self._writeUnlessLater()

    def append(self, line: str) -> None:
        """Write C{line}, now or as soon as that is possible."""
        self._waiting.append(b"+%b\n" % line.encode("utf-8", "backslashreplace"))
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._writeUnlessLater()

    def start(self) -> None:
        """Begin; until then lines wait."""
        self._runs = True
        self._begin()

    def stop(self) -> None:
        """Hand on what waits, and no more.  The other process ends when all is written."""
        self._runs = False
        cancel(self._later)
        self._write()
        self._close()
        if self._waiting:
            _log.error("{path} takes no more; {lost} lines are lost", path=self.path, lost=len(self._waiting))

    def _writeUnlessLater(self) -> None:
        if self._later is None:
            self._write()

    def _begin(self) -> None:
        self._later = None
        theirs, self._pipe = os.pipe()
        os.set_blocking(self._pipe, False)
        with suppress(OSError, AttributeError):  # it is one of Linux
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_OCTETS)
        beside = _Beside(lambda: self.path, self._ended)
        try:
            self._reactor.spawnProcess(beside, _COMMAND[0], _COMMAND, childFDs={0: theirs, 1: "r", 2: "r"})
        except OSError as problem:
            _log.error("Nothing can write {path}: {problem}; records wait", path=self.path, problem=problem.strerror)
            self._close()
            self._later = self._reactor.callLater(RETRY, self._begin)
            return
        finally:
            os.close(theirs)
        if self._line.startswith(b"+"):
            self._waiting.appendleft(self._line)  # the other one may have had a part of it
        self._line, self._sent, self._order = b"", 0, self._aimed()
        self._write()

    def _ended(self) -> None:
        """The other process is gone, and should not be."""
        if self._runs:
            _log.warn("What writes {path} has ended; it is begun again", path=self.path)
            self._close()
            self._later = self._reactor.callLater(RETRY, self._begin)

    def _close(self) -> None:
        cancel(self._later)
        pipe, self._pipe, self._later = self._pipe, None, None
        if pipe is not None:
            os.close(pipe)

    def _aimed(self) -> bytes:
        return b">%b %b\n" % (os.fsencode(self.path).hex().encode(), self._head.encode())

    def _write(self) -> None:
        """Hand on what waits, as far as the pipe takes it; the order first."""
        self._later = None
        while self._pipe is not None and (self._line or self._order or self._waiting):
            if not self._line:
                self._line = self._order or self._waiting.popleft()
                self._order = b""
            try:
                self._sent += os.write(self._pipe, self._line[self._sent :])
            except BlockingIOError:
                self._later = self._reactor.callLater(AGAIN, self._write)
                return
            except OSError:
                return  # its end is about to be told
            if self._sent == len(self._line):
                self._line, self._sent = b"", 0
