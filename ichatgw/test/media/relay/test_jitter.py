"""
Tests for L{ichatgw.media.relay.jitter}.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.relay.jitter import GAIN, ArrivalJitter
from ichatgw.observe.events import MediaEvent, MediaStats
from ichatgw.observe.stream import Events
from ichatgw.test.marks import slow
from ichatgw.test.support.media.relays import RelayTestCase, rtp


class ArrivalJitterTests(SynchronousTestCase):
    """L{ArrivalJitter}."""

    def setUp(self) -> None:
        self.jitter = ArrivalJitter()

    def pair(self, apart: float, ticks: int, rate: float = 8000, begin: int = 0) -> None:
        self.jitter.first(100.0, begin)
        self.jitter.second(100.0 + apart, (begin + ticks) & 0xFFFFFFFF, rate)

    def test_nothing(self) -> None:
        """One packet says nothing, nor do two with another stream between them."""
        self.assertIsNone(self.jitter.value)
        self.jitter.second(1.0, 160, 8000)
        self.jitter.first(1.0, 160)
        self.jitter.interrupt()
        self.jitter.second(1.02, 320, 8000)
        self.assertIsNone(self.jitter.value)

    def test_even(self) -> None:
        """Packets that come as they were made have none, whatever their clock, also where it begins anew."""
        for ticks, rate in ((160, 8000), (960, 48000), (320, 16000)):
            self.pair(0.02, ticks, rate)
            self.pair(0.02, ticks, rate, begin=0x100000000 - 50)
        self.assertAlmostEqual(self.jitter.value or 0.0, 0.0)

    def test_uneven(self) -> None:
        """Early and late count alike, the last ones most (RFC 3550 section 6.4.1)."""
        self.pair(0.03, 160)
        self.assertAlmostEqual(self.jitter.value or 0.0, 0.01 * GAIN)
        for apart in (0.01, 0.03) * 100:
            self.pair(apart, 160)
        self.assertAlmostEqual(self.jitter.value or 0.0, 0.01, 4)

    def test_outOfOrder(self) -> None:
        """A packet that was overtaken counts by its own time."""
        self.pair(0.001, -160)
        self.assertAlmostEqual(self.jitter.value or 0.0, 0.021 * GAIN)

    def test_noMeasure(self) -> None:
        """Packets of one key have one time; a clock that jumps says nothing of the network."""
        self.pair(0.05, 0)
        self.pair(0.02, 8000 * 60)
        self.pair(30.0, 160)
        self.assertIsNone(self.jitter.value)


class MeasuredTests(RelayTestCase):
    """What a relay measures of a call."""

    def stats(self, delays: list[float]) -> MediaStats:
        """Alice sends a packet each 20 ms, and the network delays it by so much."""
        published: list[MediaStats] = []
        stream = Events(self.clock, lambda: 0.0)
        stream.subscribe(lambda event: published.append(event) if isinstance(event, MediaStats) else None, MediaEvent)
        self.relay.caller.events = self.relay.callee.events = stream
        self.connectBoth()
        now = 0.0
        for number, delay in enumerate(delays):
            self.clock.advance(0.02 * number + delay - now)
            now = 0.02 * number + delay
            self.fromAlice(rtp(number))
        self.relay.close()
        return published[-1]

    def test_even(self) -> None:
        """A network that delays all packets alike has none."""
        self.assertAlmostEqual(self.stats([0.05] * 400).arrivalJitter or 0.0, 0.0)

    @slow
    def test_uneven(self) -> None:
        """That of a network that delays packets by 0 to 15 ms is 5 ms: the mean difference of two delays."""
        random = Random(7)
        found = self.stats([random.uniform(0, 0.015) for _ in range(4000)]).arrivalJitter or 0.0
        self.assertTrue(0.003 < found < 0.007, found)

    def test_few(self) -> None:
        """Of a few packets it is not known."""
        self.assertIsNone(self.stats([0.0] * 5).arrivalJitter)
