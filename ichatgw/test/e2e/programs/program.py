# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A program that runs for one test: started, watched through what it prints, and ended by its own process id.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

import ichatgw
from ichatgw.test.e2e.support.moment import within

CHECKOUT = {"PYTHONPATH": str(Path(ichatgw.__file__).parents[1])}
"""What the environment of a program has to have, so that it imports what the tests import."""


class ProgramFailed(Exception):
    """A program ended before it said what was waited for, or never said it.  The text ends with its last words."""


@define(eq=False)
class Program(ProcessProtocol):
    """
    @ivar name: for messages and for the file that keeps the output.
    @ivar directory: where it runs and leaves its files.
    @cvar childFDs: which of its file descriptors are pipes, as for C{spawnProcess}.
    @ivar status: the exit status, or minus the signal that ended it; C{None} while it runs.
    """

    childFDs: ClassVar[dict[int, str]] = {0: "w", 1: "r", 2: "r"}

    reactor: Any
    name: str
    arguments: list[str]
    directory: Path
    environment: dict[str, str] = field(factory=dict)
    status: int | None = None
    output: str = field(default="", init=False)
    transport: IProcessTransport | None = field(default=None, init=False)
    _waiting: list[tuple[re.Pattern[str], Deferred[re.Match[str]]]] = field(factory=list, init=False)
    _endings: list[Deferred[int]] = field(factory=list, init=False)

    def start(self) -> None:
        """Run it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.output, self.status = "", None
        executable = shutil.which(self.arguments[0])
        if executable is None:
            raise ProgramFailed(f"{self.arguments[0]} is not installed")
        self.reactor.spawnProcess(
            self,
            executable,
            self.arguments,
            env={**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8", **self.environment},
            path=str(self.directory),
            childFDs=self.childFDs,
        )

    def said(self, pattern: str, patience: float = 10.0) -> Deferred[re.Match[str]]:
        """Wait until its output holds C{pattern}."""
        wanted = re.compile(pattern, re.MULTILINE)
        waiting: Deferred[re.Match[str]] = Deferred()
        self._waiting.append((wanted, waiting))
        self._look()
        waited = within(self.reactor, patience, waiting)
        waited.addErrback(self._explain, pattern)
        return waited

    def ended(self, patience: float = 30.0) -> Deferred[int]:
        """Wait until it is over by itself; fires with the exit status."""
        ending: Deferred[int] = Deferred()
        if self.status is not None:
            ending.callback(self.status)
        else:
            self._endings.append(ending)
        waited = within(self.reactor, patience, ending)
        waited.addErrback(self._explain, "its end")
        return waited

    async def stop(self, patience: float = 5.0) -> float:
        """
        Ask it to end, and make it end after C{patience} seconds.

        @return: how many seconds it took.
        """
        begun = self.reactor.seconds()
        if self.transport is not None and self.status is None:
            family = _family(getattr(self.transport, "pid", None))
            self.signal("TERM")
            last = self.reactor.callLater(patience, self._end, family)
            await self.ended(patience + 5)
            if last.active():
                last.cancel()
        return float(self.reactor.seconds() - begun)

    def _end(self, family: dict[int, str]) -> None:
        """By force, with all its children: one that outlives it would keep its output open for ever."""
        family = {**family, **_family(getattr(self.transport, "pid", None))}  # it may have gone on to fork
        self.signal("KILL")
        for pid, began in family.items():
            if _began(pid) == began:
                os.kill(pid, signal.SIGKILL)

    def signal(self, name: str | int) -> None:
        """Send it a signal, if it is there."""
        try:
            if self.transport is not None:
                self.transport.signalProcess(name)
        except ProcessExitedAlready:
            pass

    @property
    def pid(self) -> int:
        """Its process id while it runs."""
        pid = getattr(self.transport, "pid", None)
        if pid is None:
            raise ProgramFailed(f"{self.name} does not run")
        return int(pid)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        self.output += text
        with (self.directory / f"{self.name}.out").open("a") as kept:
            kept.write(text)
        self._look()

    def processEnded(self, reason: Failure) -> None:
        code, signal = reason.value.exitCode, reason.value.signal  # type: ignore[union-attr]
        self.status = code if code is not None else -(signal or 0)
        waiting, self._waiting = self._waiting, []
        for _, deferred in waiting:
            deferred.errback(ProgramFailed(f"{self.name} ended with {self.status}"))
        endings, self._endings = self._endings, []
        for ending in endings:
            ending.callback(self.status)

    def _look(self) -> None:
        found = [(w, match) for w in self._waiting if (match := w[0].search(self.output))]
        for waiting, match in found:
            self._waiting.remove(waiting)
            waiting[1].callback(match)

    def _explain(self, failure: Failure, wanted: str) -> Failure:
        self._waiting = [w for w in self._waiting if not w[1].called]
        failure.trap(TimeoutError, ProgramFailed)
        tail = "\n".join(self.output.splitlines()[-25:])
        return Failure(ProgramFailed(f"{self.name}: waited for {wanted}: {failure.getErrorMessage()}\n{tail}"))


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process after its name: state, parent, and so on; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def _began(pid: int) -> str:
    """When it was started, which tells it from a later one of the same number; empty if it has ended."""
    words = _stat(pid)
    return words[19] if words and words[0] != "Z" else ""


def _family(pid: int | None) -> dict[int, str]:
    """The children of a process and their children, each with when it was started."""
    parents = {int(each.name): _stat(int(each.name)) for each in Path("/proc").iterdir() if each.name.isdigit()}
    found: dict[int, str] = {}
    searched = [] if pid is None else [str(pid)]
    while searched:
        parent = searched.pop()
        for child, words in parents.items():
            if words and words[1] == parent and child not in found:
                found[child] = words[19]
                searched.append(str(child))
    return found
