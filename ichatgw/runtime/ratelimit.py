# -*- test-case-name: ichatgw.test.runtime.test_ratelimit,ichatgw.test.calls.test_limits -*-
"""
How often a source may have something done for it, e.g. a line written to the log.
"""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heappop, heappush, heapreplace
from itertools import count

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

MAX_SOURCES = 1024

COMPLAINTS = (0.1, 5)
"""Lines about what one user is refused, in a second and at once."""

FAILURES = (0.1, 5)
"""Tracebacks of what goes wrong here at one place, in a second and at once: a far end may have found a way to it."""

LINES = (0.5, 30)
"""Lines about all that is refused at one place, in a second and at once."""


@define
class _Bucket:
    tokens: float
    touched: float
    suppressed: int = 0


@define(eq=False)
class RateLimit:
    """
    A token bucket for each source.

    Memory is bounded: a source whose bucket is full again is forgotten when room is needed, which loses nothing but
    its count.  If none is full, sources that are new are refused, so that a sender that forges a source for each
    packet gets at most C{mostSources * burst} through in the time it takes a bucket to fill.

    @ivar perSecond: how many times a second, in the long run; a fraction for less than one.
    @ivar burst: how many times at once.
    @ivar mostSources: how many buckets there are at most.  As many sources as this, each of which does it once, find
        room within C{1 / perSecond} seconds.
    @ivar total: how often C{allow} has said no.
    """

    clock: IReactorTime
    perSecond: float
    burst: int
    mostSources: int = MAX_SOURCES
    total: int = field(default=0, init=False)
    _buckets: dict[Hashable, _Bucket] = field(factory=dict, init=False, repr=False)
    # When each bucket was going to be full when it was last looked at here: once for each, the earliest first.
    _full: list[tuple[float, int, Hashable]] = field(factory=list, init=False, repr=False)
    _numbers: count[int] = field(factory=count, init=False, repr=False)

    def allow(self, key: Hashable) -> bool:
        """May C{key} do it once more?"""
        now = self.clock.seconds()
        bucket = self._buckets.get(key)
        if bucket is None:
            if not self._makeRoom(now):
                self.total += 1
                return False
            bucket = self._buckets[key] = _Bucket(self.burst, now)
            heappush(self._full, (now, next(self._numbers), key))
        bucket.tokens = min(self.burst, bucket.tokens + (now - bucket.touched) * self.perSecond)
        bucket.touched = now
        if bucket.tokens < 1:
            bucket.suppressed += 1
            self.total += 1
            return False
        bucket.tokens -= 1
        return True

    def left(self, key: Hashable) -> float:
        """How many times more could C{key} do it now?"""
        bucket = self._buckets.get(key)
        if bucket is None:
            return self.burst
        return min(self.burst, bucket.tokens + (self.clock.seconds() - bucket.touched) * self.perSecond)

    def suppressed(self, key: Hashable) -> int:
        """How often C{key} was refused since this was last asked."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return 0
        count, bucket.suppressed = bucket.suppressed, 0
        return count

    def _makeRoom(self, now: float) -> bool:
        """Is there room for another source, if need be by forgetting one whose bucket is full?"""
        if len(self._buckets) < self.mostSources:
            return True
        while self._full[0][0] <= now:
            _, number, key = self._full[0]
            bucket = self._buckets[key]
            fullAt = bucket.touched + (self.burst - bucket.tokens) / self.perSecond
            if fullAt <= now:
                heappop(self._full)
                del self._buckets[key]
                return True
            heapreplace(self._full, (fullAt, number, key))  # it was used since
        return False


@define(eq=False)
class Complaints:
    """
    Which refusals are written to the log: a few of each source (L{COMPLAINTS}), and no more than L{LINES} of all, since
    a sender that is refused may come under many names.
    """

    clock: IReactorTime
    _each: RateLimit = field(init=False)
    _all: RateLimit = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._each = RateLimit(self.clock, *COMPLAINTS)
        self._all = RateLimit(self.clock, *LINES, mostSources=1)

    def allow(self, source: Hashable) -> bool:
        """May a line be written about C{source}?"""
        return self._each.allow(source) and self._all.allow(None)
