"""Tests for L{ichatgw.sip.transfer.subscription}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.transfer.subscription import LIFETIME, SIPFRAG, Subscription


class Response:
    """As much of sippy's as is looked at."""

    def __init__(self, code: int) -> None:
        self.code = code

    def getSCode(self) -> tuple[int, str]:
        return self.code, ""


class SubscriptionTests(SynchronousTestCase):
    """One after another, until the last word."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[tuple[str, str]] = []
        self.events: list[str] = []
        self.heard: list[Callable[[Any], None]] = []
        self.error: OSError | None = None
        self.subscription = Subscription(self.clock, self.ask)

    def ask(self, heard: Callable[[Any], None], headers: list[tuple[str, str]], body: Any) -> None:
        if self.error is not None:
            raise self.error
        fields = dict(headers)
        self.events.append(fields["event"])
        self.assertEqual(str(body.mtype), SIPFRAG)
        self.told.append((str(body.content), fields["subscription-state"]))
        self.heard.append(heard)

    def answer(self, code: int = 200) -> None:
        self.heard[-1](Response(code))

    def begin(self) -> None:
        self.subscription.begin()
        self.clock.advance(0)

    def assertNothingLeft(self) -> None:
        self.assertTrue(self.subscription.isOver)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_begins(self) -> None:
        """Not before the REFER has its response."""
        self.subscription.begin()
        self.assertEqual(self.told, [])
        self.clock.advance(0)
        self.assertEqual(self.told, [("SIP/2.0 100 Trying\r\n", f"active;expires={LIFETIME}")])
        self.assertEqual(self.events, ["refer"])

    def test_identity(self) -> None:
        """A second REFER of the same dialog has an id."""
        self.subscription.drop()
        self.subscription = Subscription(self.clock, self.ask, "7")
        self.begin()
        self.assertEqual(self.events, ["refer;id=7"])

    def test_course(self) -> None:
        """Each is sent when the one before is answered; the last says that it is."""
        self.begin()
        self.answer()
        self.clock.advance(10)
        self.subscription.tell("180 Ringing")
        self.subscription.finish("200 OK")
        self.assertEqual(len(self.told), 2)
        self.answer()
        self.assertEqual(
            self.told[1:],
            [
                ("SIP/2.0 180 Ringing\r\n", f"active;expires={LIFETIME - 10}"),
                ("SIP/2.0 200 OK\r\n", "terminated;reason=noresource"),
            ],
        )
        self.answer()
        self.assertNothingLeft()

    def test_latestOnly(self) -> None:
        """What is no news any more is not told."""
        self.begin()
        self.subscription.tell("180 Ringing")
        self.subscription.finish("486 Busy Here")
        self.subscription.tell("180 Ringing")
        self.subscription.finish("200 OK")
        self.answer()
        self.answer()
        self.assertEqual([body for body, _ in self.told], ["SIP/2.0 100 Trying\r\n", "SIP/2.0 486 Busy Here\r\n"])
        self.assertNothingLeft()

    def test_atOnce(self) -> None:
        """What fails within the REFER is told after its response."""
        self.subscription.begin()
        self.subscription.finish("404 Not Found")
        self.assertEqual(self.told, [])
        self.clock.advance(0)
        self.assertEqual(self.told, [("SIP/2.0 100 Trying\r\n", f"active;expires={LIFETIME}")])
        self.answer()
        self.assertEqual(self.told[1:], [("SIP/2.0 404 Not Found\r\n", "terminated;reason=noresource")])
        self.assertNothingLeft()

    def test_expires(self) -> None:
        """When its time is up it says how far things are, and no more."""
        self.begin()
        self.answer()
        self.subscription.tell("180 Ringing")
        self.answer()
        self.clock.advance(LIFETIME)
        self.assertEqual(self.told[-1], ("SIP/2.0 180 Ringing\r\n", "terminated;reason=timeout"))
        self.assertNothingLeft()
        self.subscription.finish("200 OK")
        self.assertEqual(len(self.told), 3)

    def test_notWanted(self) -> None:
        """Who refuses a NOTIFY gets no more (RFC 6665 section 4.2.2)."""
        self.begin()
        self.answer(481)
        self.subscription.finish("200 OK")
        self.assertEqual(len(self.told), 1)
        self.assertNothingLeft()

    def test_unreachable(self) -> None:
        """A subscriber that cannot be reached is not told."""
        self.error = OSError("no way")
        self.begin()
        self.assertNothingLeft()

    def test_renewed(self) -> None:
        """It can be made longer, though not at will; the state is told at once."""
        self.begin()
        self.answer()
        self.clock.advance(100)
        self.assertEqual(self.subscription.renew(90), 90)
        self.clock.advance(0)
        self.assertEqual(self.told[-1], ("SIP/2.0 100 Trying\r\n", "active;expires=90"))
        self.answer()
        self.assertEqual(self.subscription.renew(10**9), LIFETIME)
        self.clock.advance(0)
        self.answer()
        self.clock.advance(LIFETIME)
        self.assertEqual(self.told[-1][1], "terminated;reason=timeout")
        self.assertEqual(self.subscription.renew(60), 0)
        self.assertNothingLeft()

    def test_ended(self) -> None:
        """It can be given up."""
        self.begin()
        self.answer()
        self.assertEqual(self.subscription.renew(0), 0)
        self.clock.advance(0)
        self.assertEqual(self.told[-1], ("SIP/2.0 100 Trying\r\n", "terminated;reason=timeout"))
        self.assertNothingLeft()

    def test_noAnswersExpected(self) -> None:
        """When the call is over nobody waits for answers, and the last word is still said."""
        self.begin()
        self.subscription.tell("180 Ringing")
        self.assertEqual(len(self.told), 1)
        self.subscription.expectNoAnswers()
        self.assertEqual(len(self.told), 2)
        self.subscription.finish("200 OK")
        self.assertEqual(self.told[-1], ("SIP/2.0 200 OK\r\n", "terminated;reason=noresource"))
        self.assertNothingLeft()

    def test_dropped(self) -> None:
        """At the end of all nothing is said."""
        self.subscription.begin()
        self.subscription.drop()
        self.subscription.drop()
        self.subscription.tell("180 Ringing")
        self.clock.advance(LIFETIME)
        self.assertEqual(self.told, [])
        self.assertNothingLeft()
