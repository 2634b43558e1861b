# -*- test-case-name: ichatgw.test.texts.test_memory -*-
"""Tests for L{ichatgw.texts.memory}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.texts.memory import Remembered


class RememberedTests(SynchronousTestCase):
    """Values for a while."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.kept: Remembered[str] = Remembered(self.clock, 10.0, 3)

    def test_while(self) -> None:
        """A value is there until its time is over; put anew it stays longer."""
        self.kept.put("a", "1")
        self.clock.advance(6)
        self.kept.put("b", "2")
        self.kept.put("a", "3")
        self.clock.advance(6)
        self.assertEqual((self.kept.get("a"), self.kept.get("b")), ("3", "2"))
        self.clock.advance(4)
        self.assertEqual((self.kept.get("a"), self.kept.get("b"), len(self.kept)), (None, None, 0))

    def test_most(self) -> None:
        """If there are too many, the oldest go."""
        for key in "abcd":
            self.kept.put(key, key)
        self.assertEqual([self.kept.get(key) for key in "abcd"], [None, "b", "c", "d"])

    def test_pop(self) -> None:
        """What is taken is forgotten."""
        self.kept.put("a", "1")
        self.assertEqual((self.kept.pop("a"), self.kept.pop("a")), ("1", None))
