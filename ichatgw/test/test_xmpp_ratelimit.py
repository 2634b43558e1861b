"""
Tests for L{ichatgw.xmpp.ratelimit}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.xmpp.ratelimit import RateLimit


class RateLimitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limit = RateLimit(self.clock, count=2, period=10, size=3)

    def test_count(self) -> None:
        """A key may C{count} times in a period, and again in the next."""
        self.assertEqual([self.limit.allows("a") for _ in range(3)], [True, True, False])
        self.clock.advance(9)
        self.assertFalse(self.limit.allows("a"))
        self.clock.advance(1)
        self.assertEqual([self.limit.allows("a") for _ in range(3)], [True, True, False])

    def test_keys(self) -> None:
        """One key's count is not another's."""
        self.limit.allows("a")
        self.limit.allows("a")
        self.assertTrue(self.limit.allows("b"))

    def test_bounded(self) -> None:
        """A key for which there is no room is refused until others are forgotten."""
        self.assertEqual([self.limit.allows(key) for key in "abcd"], [True, True, True, False])
        self.assertTrue(self.limit.allows("a"))
        self.clock.advance(10)
        self.assertTrue(self.limit.allows("d"))
        self.assertEqual([self.limit.allows(key) for key in "efg"], [True, True, False])
