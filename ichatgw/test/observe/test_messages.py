"""
Tests for L{ichatgw.observe.messages}.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.observe.events import Message
from ichatgw.observe.messages import BATCH_SECONDS, MAX_WAITING, Marked
from ichatgw.test.support.events import Scene, sip


class MessagesTests(SynchronousTestCase):
    """Messages that are read some at a time."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.read: list[list[str]] = []
        self.end = self.scene.messages.read(self.scene.events)
        self.scene.messages.readers.append(self.reader)

    def reader(self, messages: Sequence[Marked]) -> None:
        self.read.append([mark for _, mark in messages])

    def say(self, *callIds: str) -> None:
        for callId in callIds:
            self.scene.says(sip("OPTIONS sip:gw SIP/2.0", callId))

    def test_together(self) -> None:
        """All that come within a moment are read together, in their order and with their marks; then nothing waits."""
        self.say("a", "b")
        self.assertEqual(self.read, [])
        self.scene.clock.advance(BATCH_SECONDS)
        self.say("c")
        self.scene.clock.advance(BATCH_SECONDS)
        self.assertEqual((self.read, self.scene.clock.getDelayedCalls()), ([["a", "b"], ["c"]], []))

    def test_asked(self) -> None:
        """Who asks for what is known has it at once."""
        self.scene.messages.flush()
        self.say("a")
        self.scene.messages.flush()
        self.assertEqual((self.read, self.scene.clock.getDelayedCalls()), ([["a"]], []))

    def test_many(self) -> None:
        """However many come at once, a bounded number waits."""
        self.say(*map(str, range(2 * MAX_WAITING + 1)))
        self.assertEqual([len(each) for each in self.read], [MAX_WAITING, MAX_WAITING])
        self.scene.clock.advance(BATCH_SECONDS)
        self.assertEqual(len(self.read[-1]), 1)

    def test_failingReader(self) -> None:
        """A reader that raises disturbs no other, and is complained of a few times only."""

        def fails(messages: Sequence[Marked]) -> None:
            raise KeyError("x")

        self.scene.messages.readers.insert(0, fails)
        for _ in range(50):
            self.say("a")
            self.scene.messages.flush()
        self.assertEqual(len(self.read), 50)
        self.assertTrue(1 <= len(self.flushLoggedErrors(KeyError)) < 20)

    def test_end(self) -> None:
        """When reading has ended, no publisher makes messages."""
        self.end()
        self.say("a")
        self.scene.messages.flush()
        self.assertEqual((self.read, self.scene.events.isOn(Message)), ([], False))
