# -*- test-case-name: ichatgw.test.web.test_history -*-
"""
How many calls there were in each minute of the last hour.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime

from ichatgw.observe.events import CallArrived, CallEnded
from ichatgw.observe.stream import Events

MINUTES = 60


@frozen
class Minute:
    """
    @ivar number: of the minute, since the clock began.
    @ivar most: calls that lived at a time.
    @ivar arrived: calls that came.
    @ivar failed: calls that ended without an answer.
    """

    number: int
    most: int
    arrived: int = 0
    failed: int = 0


@define(eq=False)
class History:
    """
    @ivar live: tells how many calls live now.
    """

    _clock: IReactorTime
    live: Callable[[], int]
    _minutes: deque[Minute] = field(factory=lambda: deque(maxlen=MINUTES), init=False)
    _last: int = field(default=0, init=False)

    def read(self, events: Events) -> None:
        """Keep what this stream says."""
        events.subscribe(self._arrived, CallArrived)
        events.subscribe(self._ended, CallEnded)

    @property
    def minutes(self) -> tuple[Minute, ...]:
        """Those of the last hour, the latest at the end; fewer if it is not an hour yet."""
        self._upTo(self._clock.seconds())
        return tuple(self._minutes)

    def _arrived(self, event: CallArrived) -> None:
        now = self._upTo(event.time)
        self._change(Minute(now.number, max(now.most, self.live()), now.arrived + 1, now.failed))

    def _ended(self, event: CallEnded) -> None:
        now = self._upTo(event.time)
        failed = now.failed + (not event.wasAnswered)
        self._change(Minute(now.number, max(now.most, self.live()), now.arrived, failed))

    def _change(self, minute: Minute) -> None:
        self._minutes[-1] = minute
        self._last = self.live()

    def _upTo(self, time: float) -> Minute:
        """Fill the minutes up to this time: nothing has changed in those that are not there."""
        number = int(time // 60)
        if not self._minutes:
            self._minutes.append(Minute(number, self._last))
        begin = max(self._minutes[-1].number + 1, number - MINUTES + 1)
        self._minutes.extend(Minute(each, self._last) for each in range(begin, number + 1))
        return self._minutes[-1]
