"""
Tests for L{ichatgw.selfservice.service}.
"""

from __future__ import annotations

import time

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import Congested
from ichatgw.model import ANONYMOUS, Ending, EndReason
from ichatgw.observe.events import CallEnded, CallRouted
from ichatgw.selfservice.history import CallHistory
from ichatgw.selfservice.service import Budget, Numbers, SelfService
from ichatgw.users.preferences import Forwarding, MemoryPreferences, Preferences, When

KIM = "kim@x.example"


class ServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.numbers = Numbers()
        self.called: list[str] = []
        self.preferences = MemoryPreferences(maxUsers=1)
        self.history = CallHistory(lambda user: True)
        self.service = SelfService(
            self.clock,
            self.preferences,
            self.history,
            lambda user: self.numbers if user == KIM else Numbers(),
            self.called.append,
            time.gmtime,
        )

    def say(self, text: str, user: str = KIM, tag: str = "") -> str:
        """What a user is told."""
        answer = self.service.written(user, text, tag)
        assert answer is not None
        return answer

    def test_noOrder(self) -> None:
        """To what is no order nothing is said."""
        self.assertIsNone(self.service.written(KIM, "hello"))
        self.assertFalse(self.service.isOrder("hello"))
        self.assertTrue(self.service.isOrder("forward nonsense nonsense"))

    def test_language(self) -> None:
        """The language of the stanza counts, but for an order that is not English: clients say English for all."""
        self.assertIn("You can write", self.say("help"))
        self.assertIn("Sie k\u00f6nnen schreiben", self.say("hilfe"))
        self.assertIn("Sie k\u00f6nnen schreiben", self.say("help", tag="de"))
        self.assertIn("Sie k\u00f6nnen schreiben", self.say("hilfe", tag="en-GB"))
        self.assertIn("You can write", self.say("help", tag="fr"))

    def test_number(self) -> None:
        """Both numbers are told if they differ."""
        self.assertIn("no number", self.say("number"))
        self.numbers = Numbers("+49301", "+49301")
        self.assertEqual(self.say("number"), "Your number is +49301.")
        self.numbers = Numbers("+49301", "+49300")
        self.assertEqual(self.say("number"), "Your number is +49301. Those whom you call see +49300.")
        self.assertIn("no number", self.say("number", "lee@x.example"))

    def test_calls(self) -> None:
        """Each call has its time and its caller, as the user was shown it; those that were missed are marked."""
        self.assertIn("Nobody has called", self.say("calls"))
        for call, caller, wasAnswered in (
            ("a", "sip:+4930@pbx.example", False),
            ("b", ANONYMOUS.uri, True),
            ("c", "sip:lee@x.example", True),
        ):
            self.history.routed(CallRouted(0.0, 60.0, call, "l", "xmpp", caller, f"xmpp:{KIM}"))
            self.history.ended(CallEnded(0.0, 90.0, call, "the caller", Ending(EndReason.HANGUP), wasAnswered))
        self.assertEqual(
            self.say("missed").splitlines(),
            [
                "Latest calls:",
                "1970-01-01 00:01 lee@x.example",
                "1970-01-01 00:01 anonymous",
                "1970-01-01 00:01 +4930 (missed)",
            ],
        )
        self.assertIn("Nobody", self.say("calls", "lee@x.example"))

    def test_forward(self) -> None:
        """Rules are added, shown and ended, each for its own user."""
        self.assertEqual(self.say("forward"), "Your calls are not forwarded.")
        self.say("forward 030123 busy")
        self.assertEqual(
            self.say("forward voicemail no answer 9").splitlines(),
            ["Your calls are forwarded:", "busy: to 030123", "no answer for 9 seconds: to voicemail"],
        )
        self.assertEqual(
            self.preferences.of(KIM).forwardings,
            (Forwarding(When.BUSY, "030123"), Forwarding(When.NO_ANSWER, "voicemail", 9)),
        )
        self.assertNotIn("busy", self.say("forward off busy"))
        self.assertEqual(self.say("forward off"), "Your calls are not forwarded.")
        self.assertEqual(self.preferences.of("lee@x.example"), Preferences())

    def test_forwardNotHere(self) -> None:
        """What the administrator does not have done cannot be chosen; what was chosen before can be ended."""
        self.say("forward voicemail")
        self.service.hasVoicemail = lambda: False
        self.assertIn("no voicemail", self.say("forward voicemail busy"))
        self.service.forwards = lambda: False
        self.assertIn("nicht nach Wahl", self.say("umleiten 1"))
        self.assertEqual(self.preferences.of(KIM).forwardings, (Forwarding(When.ALWAYS, "voicemail"),))
        self.assertEqual(self.say("forward off"), "Your calls are not forwarded.")

    def test_doNotDisturb(self) -> None:
        """It is switched and told, and leaves the rules as they are."""
        self.say("forward 1 busy")
        self.assertIn("is off", self.say("dnd"))
        self.assertIn("is on", self.say("dnd on"))
        self.assertIn("is on", self.say("dnd"))
        self.assertEqual(self.preferences.of(KIM), Preferences((Forwarding(When.BUSY, "1"),), True))
        self.assertIn("is off", self.say("dnd off"))

    def test_noRoom(self) -> None:
        """Who has chosen something that cannot be kept is told so."""
        self.say("dnd on")
        for order in ("dnd on", "forward 1"):
            self.assertIn("no room", self.say(order, "lee@x.example"))

    def test_unclear(self) -> None:
        """What is wrong with an order is said in its language."""
        self.assertIn("'<b>' is neither a number", self.say("forward <b>"))
        self.assertIn("nicht zu verstehen", self.say("ruhe vielleicht"))

    def test_test(self) -> None:
        """A user is called some times only; what is wrong is told."""
        self.assertIn("being called", self.say("test"))
        self.assertIn("being called", self.say("test"))
        self.assertIn("a moment ago", self.say("test"))
        self.assertEqual(self.called, [KIM, KIM])
        self.clock.advance(60)
        self.assertIn("being called", self.say("test"))

        def full(user: str) -> None:
            raise Congested("no room")

        self.service.call = full
        self.assertIn("could not be made: no room", self.say("test", "lee@x.example"))
        self.service.call = None
        self.assertIn("no test calls", self.say("test"))


class BudgetTests(SynchronousTestCase):
    def test_each(self) -> None:
        """One user has some orders in a minute, and others have theirs."""
        clock = Clock()
        budget = Budget(clock, perMinute=3, perSecond=0)
        self.assertEqual([budget.allows(KIM) for _ in range(5)], [True] * 3 + [False] * 2)
        self.assertTrue(budget.allows("lee@x.example"))
        clock.advance(20)
        self.assertTrue(budget.allows(KIM))

    def test_all(self) -> None:
        """All together have some in a second, of which one user leaves a part to others; 0 stands for no limit."""
        budget = Budget(Clock(), perMinute=0, perSecond=8)
        self.assertLess(sum(budget.allows("lee@many.example") for _ in range(1000)), 8)
        self.assertTrue(budget.allows(KIM))
        self.assertLess(sum(budget.allows(f"{number}@many.example") for number in range(1000)), 9)
        free = Budget(Clock(), perMinute=0, perSecond=0)
        self.assertTrue(all(free.allows(KIM) for _ in range(1000)))
