"""
Tests for L{ichatgw.observe.attempts}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason
from ichatgw.observe.attempts import MAX_ADDRESS, MAX_TOLD, Attempts
from ichatgw.observe.events import Refused, TurnedAway
from ichatgw.test.support.events import PHONE, Scene

WHY = Ending(EndReason.INCOMPATIBLE, "488 Not Acceptable Here", cause=79)


class AttemptsTests(SynchronousTestCase):
    """Attempts that never were calls."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.attempts = Attempts(self.scene.clock, "sip")

    def refuse(self) -> None:
        self.attempts.refused("sip:a@b", "sip:72@gw", PHONE, WHY)

    def kinds(self) -> list[type]:
        return [type(event) for event in self.scene.seen]

    def test_unread(self) -> None:
        """Nothing is made if nobody watches."""
        self.refuse()
        self.scene.watch()
        self.refuse()
        self.assertEqual(self.scene.seen, [])
        self.attempts.events = self.scene.events
        self.refuse()
        self.assertEqual(self.kinds(), [Refused, TurnedAway])

    def test_flood(self) -> None:
        """All are counted; of a flood some are told each second."""
        self.scene.watch()
        self.attempts.events = self.scene.events
        for _ in range(3 * MAX_TOLD):
            self.refuse()
        self.assertEqual((self.kinds().count(Refused), self.kinds().count(TurnedAway)), (3 * MAX_TOLD, MAX_TOLD))
        self.scene.clock.advance(1)
        self.refuse()
        self.assertEqual(self.kinds().count(TurnedAway), MAX_TOLD + 1)

    def test_long(self) -> None:
        """What is long is cut."""
        self.scene.watch()
        self.attempts.events = self.scene.events
        self.attempts.refused("sip:" + 5000 * "a", "xmpp:" + 5000 * "b", None, WHY)
        told = self.scene.seen[-1]
        assert isinstance(told, TurnedAway)
        self.assertEqual((len(told.caller), len(told.called)), (MAX_ADDRESS, MAX_ADDRESS))
