"""Tests for L{ichatgw.runtime.ratelimit}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.ratelimit import COMPLAINTS, LINES, Complaints, RateLimit


class RateLimitTests(SynchronousTestCase):
    """L{RateLimit}, on a clock of our own."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.limit = RateLimit(self.clock, perSecond=2, burst=4, mostSources=3)

    def allowed(self, key: str, times: int) -> int:
        return sum(self.limit.allow(key) for _ in range(times))

    def test_burst(self) -> None:
        """A source may do it C{burst} times at once, and no more."""
        self.assertEqual(self.allowed("a", 10), 4)

    def test_rate(self) -> None:
        """After that C{perSecond} times a second."""
        self.allowed("a", 10)
        self.clock.advance(1)
        self.assertEqual(self.allowed("a", 10), 2)

    def test_neverMoreThanBurst(self) -> None:
        """Silence is not saved up beyond C{burst}."""
        self.allowed("a", 1)
        self.clock.advance(3600)
        self.assertEqual(self.allowed("a", 10), 4)

    def test_sourcesApart(self) -> None:
        """One source does not use up what another has."""
        self.allowed("a", 10)
        self.assertEqual(self.allowed("b", 10), 4)

    def test_suppressed(self) -> None:
        """The number of refusals is told once, and counted anew."""
        self.allowed("a", 10)
        self.assertEqual(self.limit.suppressed("a"), 6)
        self.assertEqual(self.limit.suppressed("a"), 0)
        self.assertEqual(self.limit.suppressed("never seen"), 0)
        self.assertEqual(self.limit.total, 6)

    def test_boundedWhenBusy(self) -> None:
        """Sources beyond C{mostSources} are refused while the others are busy."""
        for key in ("a", "b", "c"):
            self.allowed(key, 1)
        self.assertEqual(self.allowed("d", 5), 0)
        self.assertEqual(self.limit.total, 5)
        self.assertEqual(self.allowed("a", 5), 3)

    def test_forgetsTheFull(self) -> None:
        """Sources whose buckets are full again make room for new ones, and others do not."""
        self.allowed("a", 1)
        self.clock.advance(1)
        self.allowed("b", 1)
        self.allowed("c", 10)
        self.clock.advance(1)
        self.assertEqual(self.allowed("d", 10), 4)
        self.assertEqual(self.allowed("e", 10), 4)
        self.assertEqual(self.allowed("f", 10), 0)
        self.assertEqual(self.allowed("c", 10), 2)

    def test_forgetsTheFullest(self) -> None:
        """It is room enough that one bucket is full again, whichever source was quiet for longest."""
        self.allowed("a", 4)
        self.clock.advance(0.5)
        self.allowed("b", 1)
        self.allowed("c", 4)
        self.clock.advance(0.5)
        self.assertEqual(self.allowed("d", 4), 4)  # instead of b
        self.assertEqual(self.allowed("e", 1), 0)
        self.assertEqual((self.allowed("a", 4), self.allowed("c", 4)), (2, 1))

    def test_innocent(self) -> None:
        """Sources that come once each are let in, be they many more than the table holds, at the rate it fills."""
        for number in range(300):
            self.assertTrue(self.limit.allow(number), number)
            self.clock.advance(0.5 / 3 + 1e-6)

    def test_usedAgain(self) -> None:
        """A bucket that was going to be full by now, but was used since, is not forgotten."""
        for key in ("a", "b", "c"):
            self.allowed(key, 1)
        self.clock.advance(0.4)
        for key in ("a", "b", "c"):
            self.allowed(key, 4)
        self.clock.advance(0.2)
        self.assertEqual(self.allowed("d", 1), 0)
        self.clock.advance(2)
        self.assertEqual(self.allowed("d", 1), 1)

    def test_madeUpSources(self) -> None:
        """Somebody with a new source for each packet gets no more than the table holds."""
        self.assertEqual(sum(self.limit.allow(n) for n in range(1000)), 3)


class ComplaintsTests(SynchronousTestCase):
    """L{Complaints}, on a clock of our own."""

    def test_one(self) -> None:
        """A source gets a few lines at once and then one now and then, whatever it does."""
        clock = Clock()
        complaints = Complaints(clock)
        self.assertEqual(sum(complaints.allow("eve") for _ in range(100)), COMPLAINTS[1])
        clock.advance(1 / COMPLAINTS[0])
        self.assertEqual(sum(complaints.allow("eve") for _ in range(100)), 1)

    def test_many(self) -> None:
        """Sources without number get so many together."""
        clock = Clock()
        complaints = Complaints(clock)
        self.assertEqual(sum(complaints.allow(number) for number in range(5000)), LINES[1])
        clock.advance(3600)
        self.assertEqual(sum(complaints.allow(number) for number in range(5000)), LINES[1])
