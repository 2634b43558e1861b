# -*- test-case-name: ichatgw.test.forwarding.test_choices -*-
"""
Tests for L{ichatgw.forwarding.choices}.
"""

from __future__ import annotations

from time import perf_counter

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.declared.forwarding import ForwardRule
from ichatgw.forwarding.choices import NOTHING, Choices, Forward, whenOf
from ichatgw.model import Ending, EndReason, Party
from ichatgw.users.preferences import NONE_CHOSEN, Forwarding, MemoryPreferences, Preferences, When

SCOTT, ANNA = "scott@chat.example", "anna@chat.example"


class ChoicesTests(SynchronousTestCase):
    """What users and rules say."""

    def setUp(self) -> None:
        self.preferences = MemoryPreferences()
        self.groups = {SCOTT: ("@sales",)}
        self.choices = Choices(self.preferences, self.names)

    def names(self, party: Party) -> tuple[str, ...]:
        user = party.uri.removeprefix("xmpp:")
        return ("all", user, user.partition("@")[2], *self.groups.get(user, ()))

    def choose(self, *forwardings: Forwarding, dnd: bool = False) -> None:
        self.preferences.set(SCOTT, Preferences(forwardings, dnd))

    def targets(self, user: str = SCOTT) -> dict[str, str]:
        return {each.when.value: each.target for each in self.choices.of(user).forwards}

    def test_nothing(self) -> None:
        """Who has chosen nothing, and for whom there is no rule, is told apart at once."""
        self.assertIs(self.choices.of(SCOTT), NOTHING)
        self.choices.adopt((ForwardRule(When.BUSY, "72", who=(ANNA,)),), True)
        self.assertIs(self.choices.of(SCOTT), NOTHING)

    def test_own(self) -> None:
        """What users choose counts for them."""
        self.choose(Forwarding(When.NO_ANSWER, "72", 9), Forwarding(When.OFFLINE, "73"))
        self.assertEqual(self.choices.of(SCOTT).forward(When.NO_ANSWER), Forward(When.NO_ANSWER, "72", 9))
        self.assertIsNone(self.choices.of(SCOTT).forward(When.BUSY))
        self.assertIs(self.choices.of(ANNA), NOTHING)

    def test_first(self) -> None:
        """The first rule that fits decides, for each time of its own; by address, domain, group, or for all."""
        self.choices.adopt(
            (
                ForwardRule(When.BUSY, "1", who=(ANNA,)),
                ForwardRule(When.BUSY, "2", who=("@sales", "other.example")),
                ForwardRule(When.BUSY, "3"),
                ForwardRule(When.OFFLINE, "4", who=("chat.example",)),
                ForwardRule(When.OFFLINE, "5", who=(SCOTT,)),
            ),
            True,
        )
        self.assertEqual(self.targets(), {"busy": "2", "offline": "4"})
        self.assertEqual(self.targets(ANNA), {"busy": "1", "offline": "4"})
        self.assertEqual(self.targets("x@else.example"), {"busy": "3"})

    def test_ownFirst(self) -> None:
        """What a user chooses goes before the rules, time by time."""
        self.choices.adopt((ForwardRule(When.BUSY, "1"), ForwardRule(When.OFFLINE, "2")), True)
        self.choose(Forwarding(When.BUSY, "72"))
        self.assertEqual(self.targets(), {"busy": "72", "offline": "2"})

    def test_notByUsers(self) -> None:
        """The administrator can have rules only; who does not want to be disturbed is not, all the same."""
        self.choices.adopt((ForwardRule(When.OFFLINE, "2"),), False)
        self.choose(Forwarding(When.BUSY, "72"), dnd=True)
        self.assertEqual(self.targets(), {"offline": "2"})
        self.assertTrue(self.choices.of(SCOTT).doNotDisturb)

    def test_toThemselves(self) -> None:
        """A rule for all that leads to one of all does not lead that one to themselves."""
        self.choices.adopt((ForwardRule(When.ALWAYS, ANNA), ForwardRule(When.BUSY, "72")), True)
        self.assertEqual(self.targets(), {"always": ANNA, "busy": "72"})
        self.assertEqual(self.targets(ANNA), {"busy": "72"})

    def test_atOnce(self) -> None:
        """Calls lead on at once always, or when the user does not want to be disturbed and has a place for that."""
        self.choose(Forwarding(When.BUSY, "72"))
        self.assertIsNone(self.choices.of(SCOTT).atOnce)
        self.choose(Forwarding(When.BUSY, "72"), dnd=True)
        self.assertEqual(self.choices.of(SCOTT).atOnce, self.choices.of(SCOTT).forward(When.BUSY))
        self.choose(Forwarding(When.BUSY, "72"), Forwarding(When.ALWAYS, "73"), dnd=True)
        self.assertEqual(self.choices.of(SCOTT).atOnce, self.choices.of(SCOTT).forward(When.ALWAYS))
        self.choose(dnd=True)
        self.assertIsNone(self.choices.of(SCOTT).atOnce)

    def test_takenBack(self) -> None:
        """Rules that are read again take the place of those before."""
        self.choices.adopt((ForwardRule(When.BUSY, "1"),), True)
        self.choices.adopt((), True)
        self.choose(Forwarding(When.BUSY, "72"))
        self.preferences.set(SCOTT, NONE_CHOSEN)
        self.assertIs(self.choices.of(SCOTT), NOTHING)

    def test_many(self) -> None:
        """Thousands of rules do not make a look-up slower."""
        self.choices.adopt((ForwardRule(When.BUSY, "1", who=(f"u{each}@chat.example",)) for each in range(5000)), True)
        begun = perf_counter()
        for _ in range(200):
            self.choices.of(SCOTT)
        self.assertLess((perf_counter() - begun) / 200, 0.001)


class WhenTests(SynchronousTestCase):
    """L{whenOf}."""

    def test_reasons(self) -> None:
        """What a call that was not taken counts as; where the call itself cannot be, it leads nowhere."""
        for ending, rang, when in (
            (Ending(EndReason.BUSY), True, When.BUSY),
            (Ending(EndReason.DECLINED), True, When.BUSY),
            (Ending(EndReason.UNAVAILABLE, cause=19), False, When.NO_ANSWER),
            (Ending(EndReason.UNAVAILABLE, cause=20), False, When.OFFLINE),
            (Ending(EndReason.UNAVAILABLE), True, When.NO_ANSWER),
            (Ending(EndReason.TIMEOUT), True, When.NO_ANSWER),
            (Ending(EndReason.TIMEOUT), False, When.OFFLINE),
            (Ending(EndReason.NOT_FOUND, cause=20), False, When.OFFLINE),
            (Ending(EndReason.NOT_FOUND), False, None),
            (Ending(EndReason.NOT_FOUND, cause=1), False, None),
            (Ending(EndReason.NO_LINK), False, When.OFFLINE),
        ):
            self.assertIs(whenOf(ending, rang), when, ending)
        for reason in EndReason:
            whenOf(Ending(reason), False)
        for reason in (EndReason.CANCELLED, EndReason.CONGESTED, EndReason.INCOMPATIBLE, EndReason.SHUTDOWN):
            self.assertIsNone(whenOf(Ending(reason), True), reason)
