"""
Tests for L{ichatgw.media.sockets.portrange}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import Congested
from ichatgw.media.sockets.portrange import QUARANTINE, PortPool


class PortPoolTests(SynchronousTestCase):
    """L{PortPool}."""

    def setUp(self) -> None:
        self.clock = Clock()

    def takeAll(self, pool: PortPool) -> list[int]:
        taken = []
        while True:
            try:
                taken.append(pool.take())
            except Congested:
                return taken

    def test_range(self) -> None:
        """A pair is lent only if both of its ports are within the range, by its even one."""
        for portMin, portMax, expected in (
            (8000, 8005, [8000, 8002, 8004]),
            (8000, 8004, [8000, 8002]),
            (8001, 8005, [8002, 8004]),
            (8000, 8001, [8000]),
            (8000, 8000, []),
            (8001, 8002, []),
            (8000, 7000, []),
        ):
            self.assertEqual(self.takeAll(PortPool(self.clock, portMin, portMax)), expected, (portMin, portMax))

    def test_hasRoom(self) -> None:
        """Whether so many pairs can be had is known before they are taken."""
        pool = PortPool(self.clock, 8000, 8005)
        for left in (3, 2, 1):
            self.assertEqual([pool.hasRoom(pairs) for pairs in (1, 2, 3)], [left >= pairs for pairs in (1, 2, 3)])
            last = pool.take()
        self.assertFalse(pool.hasRoom(1))
        pool.giveBack(last)
        self.assertFalse(pool.hasRoom(1))
        self.clock.advance(QUARANTINE)
        self.assertTrue(pool.hasRoom(1))

    def test_quarantine(self) -> None:
        """A pair that came back is not lent for some time."""
        pool = PortPool(self.clock, 8000, 8001, quarantine=10)
        pool.giveBack(pool.take())
        self.clock.advance(9.9)
        self.assertRaises(Congested, pool.take)
        self.clock.advance(0.1)
        self.assertEqual(pool.take(), 8000)

    def test_order(self) -> None:
        """The pair that came back last is lent last."""
        pool = PortPool(self.clock, 8000, 8005, quarantine=0)
        first, second = pool.take(), pool.take()
        pool.giveBack(second)
        pool.giveBack(first)
        self.assertEqual(self.takeAll(pool), [8004, 8002, 8000])

    def test_doubleFree(self) -> None:
        """A pair can be given back once; a second time would free what another call has by now."""
        pool = PortPool(self.clock, 8000, 8001, quarantine=0)
        pool.giveBack(pool.take())
        self.assertRaises(ValueError, pool.giveBack, 8000)
        self.assertEqual((pool.take(), pool.free, pool.lent), (8000, 0, 1))
        self.assertRaises(Congested, pool.take)

    def test_restore(self) -> None:
        """A pair that was not used needs no quarantine."""
        pool = PortPool(self.clock, 8000, 8003)
        pool.restore(pool.take())
        self.assertEqual((pool.free, pool.lent, pool.take()), (2, 0, 8000))
