# -*- test-case-name: ichatgw.test.log.test_logfile,ichatgw.test.log.test_lines,ichatgw.test.control.test_setup -*-
"""
The gateway's log: one line an event, filtered by C{LogLevel}, in a file that starts anew after C{LogFileMaxLines}.

The log is never the reason why a call fails: where it cannot be written it is lost, and how much was lost is said when
it can be written again.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Any

from attrs import define, field
from twisted.application.service import MultiService
from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

from ichatgw.log.lines import FORMATS, LEVELS, TEXT, priority, unwritten

GENERATIONS = 5


def observer(
    level: str, filename: str, maxLines: int, format: str = TEXT, environ: Mapping[str, str] = os.environ
) -> ILogObserver:
    """
    Make the log's observer.  To be called before C{twistd} begins to log, which takes over the standard streams.

    @param level: one of L{LEVELS}.
    @param filename: where to write; empty or C{-} for the standard output.
    @param maxLines: after how many lines the file starts anew; 0 for never.
    @param format: one of L{FORMATS<ichatgw.log.lines.FORMATS>}.
    @param environ: says whether the standard output goes to the journal.
    """
    if filename in ("", "-"):
        write = _streamWriter(sys.stdout.write, sys.stdout.flush)
        return LineObserver(write, level, format=format, mark=priority if isJournal(1, environ) else None)
    complain = _streamWriter(sys.stderr.write, sys.stderr.flush)
    file = RotatingFile(os.path.abspath(filename), maxLines, complain=complain, instead=complain)
    return LineObserver(file.write, level, alarm=complain, reopen=file.reopen, format=format)


def isJournal(fd: int, environ: Mapping[str, str]) -> bool:
    """Is that file descriptor connected to the journal (systemd.exec(5), C{JOURNAL_STREAM})?"""
    try:
        about = os.fstat(fd)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"


def isWanted(event: LogEvent, level: str) -> bool:
    """Does C{event} go into a log of that level?"""
    least = LEVELS[level]
    if least is None or (event.get("stack") and level != "STACK"):
        return False
    loudness = event.get("log_level", LogLevel.info)
    if loudness is LogLevel.info and event.get("log_namespace") == "log_legacy":
        loudness = LogLevel.debug  # ports that open and close, in Twisted's own old words
    return bool(loudness >= least)


class LoggedService(MultiService):
    """
    Brings the log's observer along to the application it becomes part of.

    C{twistd} asks the application for it before the first line is written, unless its own options name one.
    """

    def __init__(self, observer: ILogObserver) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._observer = observer

    def setServiceParent(self, parent: Any) -> None:
        """Become part of C{parent}, the application as C{twistd} makes it."""
        parent.setComponent(ILogObserver, self._observer)
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]


@implementer(ILogObserver)
@define(eq=False)
class LineObserver:
    """
    Turns events into lines and hands them on.  Never raises.

    @ivar write: takes a line without its end.
    @ivar level: one of L{LEVELS}.
    @ivar alarm: takes the lines of what is critical as well, so that they are seen at the terminal at start.
    @ivar format: one of L{FORMATS<ichatgw.log.lines.FORMATS>}.
    @ivar mark: gives what each line of an event begins with; C{None} for nothing.
    @ivar reopen: lets the lines to come go to a new file, if the one that there was has been moved away.
    """

    write: Callable[[str], object]
    level: str
    alarm: Callable[[str], object] | None = None
    reopen: Callable[[], object] = lambda: None
    format: str = TEXT
    mark: Callable[[LogEvent], str] | None = None

    def __call__(self, event: LogEvent) -> None:
        if isWanted(event, self.level):
            try:
                lines = FORMATS[self.format](event)
            except Exception as e:
                lines = [unwritten(self.format, type(e).__name__)]
            mark = "" if self.mark is None else self.mark(event)
            for line in lines:
                self.write(mark + line)
                if self.alarm is not None and event.get("log_level") is LogLevel.critical:
                    self.alarm(line)


@define(eq=False)
class RotatingFile:
    """
    A file of lines.  When it holds C{maxLines} it becomes C{path.1}, the one that was C{path.1} becomes C{path.2} and
    so on; the oldest goes.  Never raises, and does not wait: what cannot be written is counted and dropped.

    @ivar path: absolute, so that it stays the same when the process changes its directory.
    @ivar maxLines: 0 for no limit.  A device or pipe has none either.
    @ivar complain: takes a line saying that the log cannot be written, once each time this begins.
    @ivar instead: takes the lines that cannot be written meanwhile.
    """

    path: str
    maxLines: int
    generations: int = GENERATIONS
    complain: Callable[[str], object] = field(default=lambda line: None)
    instead: Callable[[str], object] = field(default=lambda line: None)
    lost: int = field(default=0, init=False)
    _fd: int | None = field(default=None, init=False)
    _lines: int = field(default=0, init=False)
    _rotates: bool = field(default=False, init=False)

    def write(self, line: str) -> None:
        """Append C{line}."""
        try:
            fd = self._fd if self._fd is not None else self._open()
            if self._rotates and self._lines >= self.maxLines:
                fd = self._rotate(fd)
            if self.lost:
                self._append(fd, f"{self.lost} lines could not be written here")
                self.lost = 0
            self._append(fd, line)
        except OSError as e:
            self.lost += 1
            self.close()
            if self.lost == 1:
                self.complain(f"The log cannot be written to {self.path}: {e.strerror}; until it can it goes here:")
            self.instead(line)

    def reopen(self) -> None:
        """Let go of a file that has been moved away or removed, as C{logrotate} does; else go on in it."""
        try:
            there, ours = os.stat(self.path), os.fstat(self._fd) if self._fd is not None else None
        except OSError:
            self.close()
        else:
            if ours is not None and (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
                self.close()

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with suppress(OSError):
                os.close(fd)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            fd = os.open(self.path, flags)
        except FileNotFoundError:
            fd = os.open(self.path, flags | os.O_CREAT, 0o640)
            os.fchmod(fd, 0o640)  # whatever the umask
        self._fd = fd
        self._rotates = self.maxLines > 0 and stat.S_ISREG(os.fstat(fd).st_mode)
        self._lines = _countLines(self.path) if self._rotates else 0
        return fd

    def _rotate(self, fd: int) -> int:
        """Start a new file; where that is forbidden go on in the old one, and try again as many lines later."""
        names = [self.path, *(f"{self.path}.{n}" for n in range(1, self.generations + 1))]
        try:
            for newer, older in reversed(list(pairwise(names))):
                if os.path.exists(newer):
                    os.replace(newer, older)
        except OSError:
            self._lines = 0
            return fd
        self.close()
        return self._open()

    def _append(self, fd: int, line: str) -> None:
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        if os.write(fd, data) < len(data):
            raise OSError(0, "no room for a whole line")
        self._lines += 1


def _countLines(path: str) -> int:
    """How many lines the file holds already; 0 if we may write but not read it."""
    try:
        with open(path, "rb") as log:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: log.read(1 << 16), b""))
    except OSError:
        return 0


def _streamWriter(write: Callable[[str], object], flush: Callable[[], object]) -> Callable[[str], None]:
    """Write lines to a stream that may be gone."""

    def writeLine(line: str) -> None:
        with suppress(OSError, ValueError):  # a broken pipe, a closed file, an encoding without the character
            write(line + "\n")
            flush()

    return writeLine
