# -*- test-case-name: ichatgw.test.runtime.test_stalls -*-
"""
Notices when a turn of the reactor takes long, since all sound is late then.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ichatgw.runtime.nulls import unheard

LONG = 0.020
"""Seconds: with packets every 20 ms, what takes longer is heard."""

MINUTE = 60.0
"""Seconds that are looked at together."""

BEAT = 0.1
"""Seconds from one beat to the next; one that is late shows what no job has shown."""

OUTSIDE = "outside of jobs: the system, or the reactor's own work"
"""What is said of a turn that was long for no job's sake."""

_log = Logger()


@define(eq=False)
class Stalls(Service):
    """
    Keeps the longest turn of a minute, and counts those over L{LONG}; says so in the log, at most once a minute.

    @ivar stalled: told of each that took over L{LONG}: how many seconds, and with what.
    @ivar longest: seconds of the longest turn of the last full minute.
    @ivar count: how many took over L{LONG} in it.
    @ivar total: how many have taken over L{LONG} since the start.
    """

    _clock: IReactorTime
    stalled: Callable[[float, str], object] = unheard
    longest: float = field(default=0.0, init=False)
    count: int = field(default=0, init=False)
    total: int = field(default=0, init=False)
    _longest: float = field(default=0.0, init=False)
    _what: str = field(default="", init=False)
    _count: int = field(default=0, init=False)
    _began: float = field(default=0.0, init=False)
    _beat: float = field(default=0.0, init=False)
    _explained: float = field(default=0.0, init=False)
    _later: IDelayedCall | None = field(default=None, init=False)

    def startService(self) -> None:
        """Begin."""
        Service.startService(self)
        self._began = self._beat = self._clock.seconds()
        self._later = self._clock.callLater(BEAT, self._look)

    def stopService(self) -> None:
        """End."""
        Service.stopService(self)
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def took(self, seconds: float, what: str) -> None:
        """A job took so long."""
        if seconds > self._longest:
            self._longest, self._what = seconds, what
        if seconds > LONG:
            self._count += 1
            self.stalled(seconds, what)
            self._explained += seconds

    def _look(self) -> None:
        now = self._clock.seconds()
        late = now - self._beat - BEAT - self._explained
        if late > LONG:
            self.took(late, OUTSIDE)
        self._explained = 0.0
        self._beat = now
        if now - self._began >= MINUTE:
            self._began = now
            self._report()
        self._later = self._clock.callLater(BEAT, self._look)

    def _report(self) -> None:
        self.longest, self.count = self._longest, self._count
        self.total += self._count
        if self._count:
            _log.warn(
                "The reactor stood still for {longest} ms ({what}), and for over {bound} ms {count} times in the last"
                " minute: sound came late.  Is the machine too busy?",
                longest=round(self._longest * 1000),
                what=self._what,
                bound=round(LONG * 1000),
                count=self._count,
            )
        self._longest, self._what, self._count = 0.0, "", 0


def watching(*watchers: Callable[[float, str], object]) -> Callable[[float, str], None]:
    """One watcher of jobs for several."""

    def took(seconds: float, what: str) -> None:
        for watcher in watchers:
            watcher(seconds, what)

    return took
