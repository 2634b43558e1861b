"""
Tests of L{ichatgw.runtime.collector}.
"""

from __future__ import annotations

import gc
import weakref

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.collector import LOOK_INTERVAL, OLD_LOOKS, YOUNG, Collector
from ichatgw.test.marks import slow


class Cycle:
    """Garbage that only the collector finds, when it is let go."""

    def __init__(self) -> None:
        self.self = self


class CollectorTests(SynchronousTestCase):
    """L{Collector}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.isQuiet = False
        self.collector = Collector(self.clock, lambda: self.isQuiet)
        self.addCleanup(gc.unfreeze)
        self.collector.startService()
        self.addCleanup(self.collector.stopService)

    def garbage(self) -> weakref.ref[Cycle]:
        """Something that is garbage already."""
        return weakref.ref(Cycle())

    def old(self) -> weakref.ref[Cycle]:
        """Something that has become garbage after it was looked at."""
        cycle = Cycle()
        gc.collect(0)
        return weakref.ref(cycle)

    @slow
    def test_young(self) -> None:
        """Garbage is found after the job by which enough has come."""
        found = self.garbage()
        self.collector.jobEnded(0.001, "a job")
        self.assertIsNotNone(found())
        kept = [[] for _ in range(YOUNG)]  # type: ignore[var-annotated]
        self.collector.jobEnded(0.001, "a job")
        self.assertIsNone(found())
        del kept

    @slow
    def test_notByItself(self) -> None:
        """The collector does not run by itself while it is ours, and does again after that."""
        self.assertFalse(gc.isenabled())
        self.collector.stopService()
        self.assertTrue(gc.isenabled())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    @slow
    def test_busy(self) -> None:
        """Older garbage is left alone while somebody talks, and found when nobody does."""
        found = self.old()
        self.clock.advance(LOOK_INTERVAL)
        self.assertIsNotNone(found())
        self.isQuiet = True
        self.clock.advance(LOOK_INTERVAL)
        self.assertIsNone(found())

    @slow
    def test_veryOld(self) -> None:
        """What stayed for longer is found within the next hours, in a quiet moment."""
        self.isQuiet = True
        cycle = Cycle()
        self.clock.advance(LOOK_INTERVAL)
        found = weakref.ref(cycle)
        del cycle
        self.clock.advance(LOOK_INTERVAL)
        self.assertIsNotNone(found())
        self.clock.pump([LOOK_INTERVAL] * OLD_LOOKS)
        self.assertIsNone(found())
