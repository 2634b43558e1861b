# -*- test-case-name: ichatgw.test.observe.test_packing -*-
"""
Packs the calls that are over, so that a history of many takes little memory.

It takes a tenth of a millisecond for each.  It is done in parts, when nothing waits for the reactor; under load calls
may be forgotten before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall

from ichatgw.observe.registry import LiveCalls
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.nulls import unheard
from ichatgw.runtime.turns import Sweep, Turns

AFTER = 8.0
"""Seconds from the end of a call until it is packed: by then what comes late has come, and been written to files."""

INTERVAL = 1.0
"""Seconds from one packing to the next."""


@define(eq=False)
class Packing:
    """Packs the calls of one L{LiveCalls}, while it runs."""

    _turns: Turns
    _calls: LiveCalls
    _waiting: deque[tuple[float, str]] = field(factory=deque, init=False)
    _sweep: Sweep[str] = field(init=False)
    _later: IDelayedCall | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._sweep = self._turns.sweep(self._calls.pack, self._soon, lambda: not self._turns.lag)

    def start(self) -> None:
        """Pack what ends from now on."""
        self._calls.loose = self._loose

    def stop(self) -> None:
        """Pack no more."""
        self._calls.loose = unheard
        self._sweep.stop()
        cancel(self._later)
        self._later = None
        self._waiting.clear()

    def _loose(self, call: str) -> None:
        self._waiting.append((self._turns.seconds() + AFTER, call))
        if len(self._waiting) > self._calls.most:
            self._waiting.popleft()  # the oldest call is forgotten, too
        self._soon()

    def _soon(self) -> None:
        if self._waiting and self._later is None and not self._sweep.running:
            at, _ = self._waiting[0]
            self._later = self._turns.callLater(max(INTERVAL, at - self._turns.seconds()), self._due)

    def _due(self) -> None:
        self._later = None
        self._sweep.start(self._over(self._turns.seconds()))

    def _over(self, now: float) -> Iterator[str]:
        while self._waiting and self._waiting[0][0] <= now:
            yield self._waiting.popleft()[1]
