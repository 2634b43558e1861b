# -*- test-case-name: ichatgw.test.runtime.test_watch -*-
"""
Sees to it that what the gateway listens with lives as long as the process does.

The reactor lets go of a socket for ever when reading from it fails in an unforeseen way, be it a lack of memory; the
process would live on, and receive nothing.  So a lost socket is set up again within a second, or the process ends and
says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

INTERVAL = 0.25
"""Seconds between two looks."""

TRIES = 4
"""So often it is tried to set up again what has gone: for a second."""

_log = Logger()


class Vital(Protocol):
    """What has to live as long as the process."""

    @property
    def missing(self) -> str:
        """What of it has gone, in words for the log; empty if all is well."""

    def revive(self) -> None:
        """
        Set up again what has gone.

        @raise Exception: if that cannot be now.
        """


@define(eq=False)
class Watch(Service):
    """
    Looks after what is vital.

    @ivar vitals: what that is.
    @ivar end: ends the process, and is told why.
    @ivar alive: called at each look; C{None} for nothing.
    """

    _clock: IReactorTime
    vitals: Iterable[Vital]
    end: Callable[[str], object]
    alive: Callable[[], object] | None = None
    _failed: int = field(default=0, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)

    def startService(self) -> None:
        """Begin to look."""
        Service.startService(self)
        self._timer = self._clock.callLater(INTERVAL, self._look)

    def stopService(self) -> None:
        """Look no more: what closes now is meant to."""
        Service.stopService(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = self._clock.callLater(INTERVAL, self._look)
        problems = [problem for vital in self.vitals if (problem := self._mended(vital))]
        self._failed = self._failed + 1 if problems else 0
        if self._failed >= TRIES:
            self.stopService()
            self.end("; ".join(problems))
        elif self.alive is not None:
            self.alive()

    def _mended(self, vital: Vital) -> str:
        """Why what has gone cannot be set up again; empty if it is there."""
        missing = f"{type(vital).__name__} cannot be looked after"
        try:
            missing = vital.missing
            if not missing:
                return ""
            vital.revive()
            if vital.missing:
                return f"{missing}, and does not come back"
        except Exception as problem:
            return f"{missing}, and cannot be had again: {str(problem) or type(problem).__name__}"
        _log.error("{what}; it is there again", what=missing)
        return ""
