# -*- test-case-name: ichatgw.test.runtime.test_clock -*-
"""
The time that intervals are measured by: it only goes forward, second by second, whatever is done to the clock on the
wall.

Twisted's reactors run by C{time.time}, so that all timers fire at once, or none do, when that clock is set.  What is
read by people (lines of the log) and what is dated (certificates) goes by the clock on the wall, in the few modules
that C{test_clock} names.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall


def cancel(*timers: IDelayedCall | None) -> None:
    """Stop timers.  C{None}, and one that has fired or was cancelled already, are passed over."""
    for timer in timers:
        if timer is not None and timer.active():
            timer.cancel()


def useMonotonicTime(reactor: Any, seconds: Callable[[], float] = time.monotonic) -> None:
    """
    Let the timers of C{reactor}, those that run already too, go by a clock that is never set.  It does nothing if they
    do not go by the clock on the wall: twice is as good as once, and a test's C{Clock} stays what it is.

    @param reactor: any of Twisted's.
    @param seconds: the clock.
    """
    wall = getattr(reactor, "seconds", None)
    if wall is not time.time:
        return
    reactor.seconds = seconds
    for call in reactor.getDelayedCalls():
        call.time += seconds() - wall()
        call.seconds = seconds
