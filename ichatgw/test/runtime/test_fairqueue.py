# -*- test-case-name: ichatgw.test.runtime.test_fairqueue -*-
"""
Tests for L{ichatgw.runtime.fairqueue}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.fairqueue import FairQueue


class FairQueueTests(SynchronousTestCase):
    """L{FairQueue}."""

    def test_turns(self) -> None:
        """Each source gives one item in its turn, in the order in which they came; one that sends much only waits."""
        queue = FairQueue[str](100, 10)
        for number in range(50):
            queue.put("eve", f"e{number}")
        queue.put("ann", "a0")
        queue.put("bob", "b0")
        queue.put("ann", "a1")
        self.assertEqual([queue.take() for _ in range(6)], ["e0", "a0", "b0", "e1", "a1", "e2"])
        self.assertEqual(len(queue), 47)
        self.assertEqual(list(queue), [f"e{number}" for number in range(3, 50)])
        self.assertEqual((len(queue), queue.take()), (0, None))

    def test_newestFirst(self) -> None:
        """The newest item of a source may come first, and the oldest go for want of room."""
        queue = FairQueue[str](2, 10, newestFirst=True)
        self.assertEqual([queue.put("a", item) for item in "123"], [None, None, "1"])
        self.assertEqual(list(queue), ["3", "2"])

    def test_bounded(self) -> None:
        """A source has room for so many items, and sources beyond a number share the room of one."""
        queue = FairQueue[int](2, 3)
        self.assertEqual([queue.put("a", item) for item in (1, 2, 3)], [None, None, 3])
        for number in range(100):
            queue.put(f"source{number}", number)
        self.assertEqual(len(queue), 6)
        queue.clear()
        self.assertEqual((len(queue), queue.take()), (0, None))

    def test_ready(self) -> None:
        """A source that is not ready keeps its place, and holds up nobody."""
        queue = FairQueue[int](9, 9)
        for source, item in (("a", 1), ("b", 2), ("a", 3)):
            queue.put(source, item)
        self.assertEqual(queue.take(lambda source: source != "a"), 2)
        self.assertIsNone(queue.take(lambda source: source != "a"))
        self.assertEqual(list(queue), [1, 3])
