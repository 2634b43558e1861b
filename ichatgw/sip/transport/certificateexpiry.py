# -*- test-case-name: ichatgw.test.sip.transport.test_certificateexpiry,ichatgw.test.sip.transport.test_streams -*-
"""
A warning before our certificate ends.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ichatgw.runtime.clock import cancel

WARNED = timedelta(days=14)
"""How long before the end the first warning comes."""

URGENT = timedelta(days=1)
"""How long before it warnings become errors."""

EVERY = 3600.0
"""Seconds between two looks at the clock on the wall, which may be set, and stands still while a machine sleeps."""

WallClock = Callable[[], datetime]

_log = Logger()


def wallClock() -> datetime:
    """The date and time that certificates go by."""
    return datetime.now(timezone.utc)


@define(eq=False)
class Expiry:
    """
    Says once a day, from L{WARNED} on, that a certificate ends or has ended.

    @ivar clock: for timers.
    @ivar certificate: gives the name of its file and when it ends; C{None} if there is none.
    @ivar now: the clock on the wall.
    """

    clock: IReactorTime
    certificate: Callable[[], tuple[str, datetime] | None]
    now: WallClock = wallClock
    _timer: IDelayedCall | None = field(default=None, init=False)
    _said: tuple[str, datetime, object] | None = field(default=None, init=False)

    def start(self) -> None:
        """Look now, and then again and again."""
        self._timer = self.clock.callLater(EVERY, self.start)
        found, now = self.certificate(), self.now()
        if found is None or found[1] - now > WARNED or self._said == (*found, now.date()):
            return
        self._said = *found, now.date()
        file, end = found
        left = end - now
        say = _log.error if left <= URGENT else _log.warn
        if left <= timedelta():
            say("{file}: a certificate in it has ended on {end:%Y-%m-%d %H:%M} UTC", file=file, end=end)
        else:
            say(
                "{file}: a certificate in it ends on {end:%Y-%m-%d %H:%M} UTC, in {days} days; put a new one there, and"
                " send SIGHUP",
                file=file,
                end=end,
                days=left.days,
            )

    def stop(self) -> None:
        """Look no more."""
        cancel(self._timer)
        self._timer = None
