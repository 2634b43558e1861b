# -*- test-case-name: ichatgw.test.observe.test_report -*-
"""
Says whether the gateway is ready, whenever that changes: in the log, and to C{systemd}.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ichatgw.observe.readiness import Readiness
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.runtime.systemd import READY, RELOADING, STOPPING, Notifier

INTERVAL = 0.25
"""Seconds between two looks."""

ANSWER_TIMEOUT = 30
"""Seconds that C{systemd} is asked to wait for us at the start, again and again as long as we live."""

_log = Logger()


@define(eq=False)
class Report(Service):
    """
    @ivar doing: what to say of a gateway that is ready, such as how many calls there are.
    """

    _clock: IReactorTime
    readiness: Readiness
    notifier: Notifier
    doing: Callable[[], str] = lambda: ""
    _status: str = field(default="", init=False)
    _trouble: str | None = field(default=None, init=False)
    _wasReady: bool = field(default=False, init=False)
    _lines: RateLimit = field(init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._lines = RateLimit(self._clock, 0.1, 5, mostSources=1)

    def startService(self) -> None:
        """Begin to look."""
        Service.startService(self)
        self._timer = self._clock.callLater(INTERVAL, self._look)  # by then the link may be up

    def stopService(self) -> None:
        """The gateway begins to stop."""
        Service.stopService(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.notifier.tell(STOPPING, "STATUS=Stopping")

    def reloading(self, begins: bool) -> None:
        """Settings are read again; or that is over."""
        if begins:
            # Of a later systemd, which has Type=notify-reload.
            self.notifier.tell(RELOADING, f"MONOTONIC_USEC={round(self._clock.seconds() * 1e6)}")
        elif self._wasReady:
            self.notifier.tell(READY)

    def _look(self) -> None:
        self._timer = self._clock.callLater(INTERVAL, self._look)
        trouble = self.readiness.trouble()
        notes = []
        if not trouble and not self._wasReady:
            self._wasReady = True
            notes.append(READY)
        status = f"Not ready: {trouble}" if trouble else f"Ready {self.doing()}".rstrip()
        if status != self._status:
            self._status = status
            notes.append(f"STATUS={status}")
        if not self._wasReady:
            notes.append(f"EXTEND_TIMEOUT_USEC={ANSWER_TIMEOUT * 1_000_000}")
        if notes:
            self.notifier.tell(*notes)
        self._say(trouble)

    def _say(self, trouble: str) -> None:
        if trouble == self._trouble or not self._lines.allow(None):
            return
        self._trouble = trouble
        if trouble:
            _log.warn("Not ready for calls: {trouble}", trouble=trouble)
        else:
            _log.info("Ready for calls")
