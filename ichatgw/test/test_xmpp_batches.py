"""
Tests for L{ichatgw.xmpp.batches}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.xmpp.batches import BATCH, BATCH_INTERVAL, Batches


class BatchesTests(SynchronousTestCase):
    """L{Batches}, on a clock of our own."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.done: list[int] = []
        self.batches = Batches(self.clock, self.done.append)

    def test_all(self) -> None:
        """All is done once, in its order, some at a time."""
        self.batches.start(range(2 * BATCH + 1))
        self.assertEqual(self.done, list(range(BATCH)))
        self.clock.advance(BATCH_INTERVAL)
        self.assertEqual(len(self.done), 2 * BATCH)
        self.clock.advance(BATCH_INTERVAL)
        self.assertEqual(self.done, list(range(2 * BATCH + 1)))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_notReady(self) -> None:
        """What cannot be done now is done when it can be, and may be stopped meanwhile."""
        ready = [True]
        batches = Batches(self.clock, self.done.append, lambda: ready[-1])
        batches.start(range(2 * BATCH))
        ready.append(False)
        self.clock.pump([BATCH_INTERVAL] * 10)
        self.assertEqual(len(self.done), BATCH)
        ready.append(True)
        self.clock.pump([BATCH_INTERVAL] * 2)
        self.assertEqual((self.done, self.clock.getDelayedCalls()), (list(range(2 * BATCH)), []))
        ready.append(False)
        batches.start(range(2))
        batches.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop(self) -> None:
        """What is stopped is left undone, and can be begun anew."""
        self.batches.start(range(2 * BATCH))
        self.batches.stop()
        self.batches.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.batches.start([7])
        self.assertEqual(self.done, [*range(BATCH), 7])

    def test_startAnew(self) -> None:
        """Those that come later take the place of those that are left."""
        self.batches.start(range(2 * BATCH))
        self.batches.start(range(-BATCH, 1))
        self.clock.advance(BATCH_INTERVAL)
        self.assertEqual(self.done, [*range(BATCH), *range(-BATCH, 1)])
        self.assertEqual(self.clock.getDelayedCalls(), [])
