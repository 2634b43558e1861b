# -*- test-case-name: ichatgw.test.media.ice.test_agent,ichatgw.test.media.transport.test_failures -*-
"""
Whether a peer still wants to be sent media (RFC 7675).
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ichatgw.media.ice.stunrequests import Random
from ichatgw.runtime.clock import cancel

INTERVAL = 5.0
"""Seconds between two questions; RFC 7675 section 5.1 wants 0.8 to 1.2 times as much."""

LATE = 2.0
"""Seconds by which a question may be late; what is later comes of this process having stood still."""

OVERDUE = 1.0
"""The same, when two in a row had no answer: on a bad network one of many gets through."""

LIFE = 25.0
"""Seconds after which a peer that answered none has left; 30 are allowed."""


class Consent:
    """
    Asks now and then.

    A time in which this process, or the machine it runs on, stood still says nothing of the peer: it is asked once more
    for as long as was left before.

    @param ask: sends one question, once; who gets the answer calls L{given}.
    @param lost: told, once, that there was no answer for too long.
    """

    def __init__(self, clock: IReactorTime, random: Random, ask: Callable[[], None], lost: Callable[[], None]) -> None:
        self._clock = clock
        self._random = random
        self._ask = ask
        self._lost = lost
        self._timer: IDelayedCall | None = None
        self._givenAt = clock.seconds()
        self._next()

    def given(self) -> None:
        """The peer has answered a check: its consent holds from now on (RFC 7675)."""
        self._givenAt = self._clock.seconds()

    def close(self) -> None:
        """Idempotent."""
        cancel(self._timer)
        self._timer = None

    def _next(self) -> None:
        age = self._clock.seconds() - self._givenAt
        wait = (INTERVAL if age < 2 * INTERVAL else OVERDUE) * (0.8 + 0.4 * self._random(1)[0] / 255)
        left = LIFE - age
        self._timer = self._clock.callLater(max(0.0, min(wait, left)), self._due)
        self._dueAt = self._timer.getTime()

    def _due(self) -> None:
        self._timer = None
        late = self._clock.seconds() - self._dueAt
        if late > LATE:
            self._givenAt += late
        if self._clock.seconds() - self._givenAt >= LIFE:
            self._lost()
            return
        self._ask()
        self._next()
