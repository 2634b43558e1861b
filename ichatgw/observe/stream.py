# -*- test-case-name: ichatgw.test.observe.test_stream -*-
"""
The one stream of events.

A part that sees something happen publishes it, and knows no reader::

    if events.isOn(CallRang):
        events.publish(CallRang(*events.now(), call, leg))

With no reader of that kind nothing is made; the question is one look into a table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar, cast

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ichatgw.observe.events import Event, kindsOf
from ichatgw.runtime.ratelimit import FAILURES, RateLimit

_log = Logger()

_Kind = TypeVar("_Kind", bound=Event)


class Events:
    """
    Hands each event to all readers.

    A reader is called at once, on the reactor, and must be quick.  One that raises disturbs neither the other readers
    nor who publishes.

    @ivar isOn: has this kind (a class) a reader?
    @ivar now: gives C{time} and C{wall} of an event.
    @param clock: the monotonic one; C{None} only for a stream that is never read.
    @param wallClock: seconds since 1970.
    """

    def __init__(self, clock: IReactorTime | None = None, wallClock: Callable[[], float] = time.time) -> None:
        self._readers: dict[type[Event], tuple[Callable[[Event], object], ...]] = {}
        self.isOn = self._readers.__contains__
        self._clock = clock
        seconds: Callable[[], float] = time.monotonic if clock is None else clock.seconds
        self.now: Callable[[], tuple[float, float]] = lambda: (seconds(), wallClock())
        self._failures = None if clock is None else RateLimit(clock, *FAILURES, mostSources=32)

    def subscribe(self, reader: Callable[[_Kind], object], *kinds: type[_Kind]) -> Callable[[], None]:
        """
        Tell C{reader} of all events of these classes, and of those below them, in the order in which they happen.

        @return: ends that.
        @raise ValueError: if this stream has no clock.
        """
        if self._clock is None:
            raise ValueError("a stream without a clock cannot be read")
        wanted = {kind for each in kinds for kind in kindsOf(each)}
        for kind in wanted:
            self._readers[kind] = (*self._readers.get(kind, ()), cast(Callable[[Event], object], reader))

        def end() -> None:
            for kind in wanted:
                left = tuple(each for each in self._readers.get(kind, ()) if each is not reader)
                if left:
                    self._readers[kind] = left
                else:
                    self._readers.pop(kind, None)

        return end

    def publish(self, event: Event) -> None:
        """Something has happened.  Never raises."""
        for reader in self._readers.get(type(event), ()):
            try:
                reader(event)
            except Exception:
                if self._failures is not None and self._failures.allow(reader):
                    _log.failure("A reader of events failed at {kind}", kind=type(event).__name__)


UNREAD = Events()
"""The stream of parts that are not observed: drops all events."""
