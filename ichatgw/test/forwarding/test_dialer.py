# -*- test-case-name: ichatgw.test.forwarding.test_dialer -*-
"""
Tests for L{ichatgw.forwarding.dialer}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from attrs import evolve
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.calls.limits import Limits
from ichatgw.errors import CallError, Congested, NoLink, NoRoute, Refused
from ichatgw.forwarding.choices import Choices
from ichatgw.forwarding.dialer import MAX_AT_ONCE, MAX_FORWARDS, MAX_HOPS, Busy, ForwardingDialer, NotForwarded, Ways
from ichatgw.forwarding.leg import ForwardingLeg, Stage
from ichatgw.interfaces import IDialer, ILeg, IOutboundLeg
from ichatgw.model import Diversion, Ending, EndReason, Party
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import OFFER, FakeCall, FakeDialer, FakeLeg
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.users.preferences import Forwarding, MemoryPreferences, Preferences, When

SCOTT, ANNA, BOB = (f"{name}@chat.example" for name in ("scott", "anna", "bob"))
BELL = Party("sip:bell@pbx.example", "Bell")
BUSY = Ending(EndReason.BUSY)


class World:
    """
    Three users who may forward to one another, and phones.

    @ivar users: dials users as they are; C{phones} dials SIP.
    @ivar numbers: those that belong to users.
    @ivar refusal: raised for targets that begin with 9.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.users, self.phones = FakeDialer(), FakeDialer()
        self.preferences = MemoryPreferences()
        self.numbers: dict[str, str] = {}
        self.refusal: CallError = Refused("DialRule")
        self.limits = Limits(self.clock)
        self.dialers: dict[str, IDialer] = {"sip": self.phones}
        self.dialer = ForwardingDialer(
            self.clock,
            Ways(self.users, self.dialers, self.presented),
            Choices(self.preferences, lambda party: ()),
            self,
            self.limits,
            "gw.example",
        )
        self.dialers["xmpp"] = self.dialer

    def route(self, user: str, target: str) -> str:
        """Numbers are phones, all else users."""
        if target.startswith("9"):
            raise self.refusal
        target = self.numbers.get(target, target)
        return f"xmpp:{target}" if "@" in target else f"sip:{target}@pbx.example"

    def presented(self, caller: Party, route: str) -> Party:
        """Scott has a number."""
        known = {f"xmpp:{SCOTT}": "sip:4711@pbx.example"} if route.startswith("sip") else {}
        return evolve(caller, uri=known.get(caller.uri, caller.uri))

    def choose(self, user: str, dnd: bool = False, **targets: str) -> None:
        """Have a user forward calls, by the names of L{When} in lower case."""
        rules = tuple(Forwarding(When[when.upper()], target) for when, target in targets.items())
        self.preferences.set(user, Preferences(rules, dnd))

    def call(self, user: str, caller: Party = BELL) -> IOutboundLeg:
        """A call to a user begins."""
        leg = self.dialer.dial(f"xmpp:{user}", caller)
        leg.call, leg.side = FakeCall(), FakeSide()
        leg.start(OFFER)
        return leg

    @property
    def isEmpty(self) -> bool:
        """Is nothing left of calls that are over?"""
        counts: Mapping[str, int] = self.limits._counts
        return not (self.dialer._live or self.dialer._counted or counts or self.clock.getDelayedCalls())


def endings(leg: ILeg) -> list[EndReason]:
    return cast(FakeCall, leg.call).reasons


class DialTests(SynchronousTestCase):
    """Who is dialled."""

    def setUp(self) -> None:
        self.world = World()

    def test_interface(self) -> None:
        """It is a dialer."""
        verifyObject(IDialer, self.world.dialer)

    def test_untouched(self) -> None:
        """A user who has chosen nothing is dialled as ever, under the very address that is called."""
        leg = self.world.dialer.dial(f"xmpp:{SCOTT}/phone", BELL)
        self.assertIs(leg, self.world.users.legs[0])
        self.assertEqual(self.world.users.dialled, [(f"xmpp:{SCOTT}/phone", BELL)])

    def test_malformed(self) -> None:
        """What is no user's address is refused, as ever."""
        for called in ("xmpp:gw.example", "xmpp:72@gw.example", "xmpp:a@b@c"):
            self.assertRaises(NoRoute, self.world.dialer.dial, called, BELL)

    def test_always(self) -> None:
        """Who forwards always is not called at all, at whatever client and in whatever case they are dialled."""
        self.world.choose(SCOTT, always="72")
        for called in (SCOTT, f"{SCOTT}/phone", SCOTT.upper()):
            leg = self.world.call(called)
            self.assertEqual((self.world.phones.legs[-1].orders, leg.party.uri), (["start"], "sip:72@pbx.example"))
        self.assertEqual(self.world.users.dialled, [])

    def test_doNotDisturb(self) -> None:
        """Who does not want to be disturbed is busy at once; or calls lead on as if they were."""
        self.world.choose(SCOTT, dnd=True)
        turned: list[tuple[str, Party]] = []
        self.world.dialer.turnedAway = lambda user, caller: turned.append((user, caller))
        problem = self.assertRaises(Busy, self.world.dialer.dial, f"xmpp:{SCOTT}", BELL)
        self.assertIs(problem.reason, EndReason.BUSY)
        self.assertEqual(turned, [(SCOTT, BELL)])
        self.world.choose(SCOTT, dnd=True, offline="73")
        self.assertRaises(Busy, self.world.dialer.dial, f"xmpp:{SCOTT}", BELL)
        self.world.choose(SCOTT, dnd=True, busy="72")
        self.world.call(SCOTT)
        self.assertEqual(
            ([to for to, _ in self.world.phones.dialled], self.world.users.dialled), (["sip:72@pbx.example"], [])
        )

    def test_busy(self) -> None:
        """Who is busy was called before the call leads on."""
        self.world.choose(SCOTT, busy="72")
        leg = self.world.call(SCOTT)
        self.assertEqual(self.world.phones.dialled, [])
        self.world.users.legs[0].partyHangsUp(BUSY)
        self.assertEqual(self.world.phones.legs[0].orders, ["start"])
        self.world.phones.legs[0].partyHangsUp(BUSY)
        self.assertEqual((endings(leg), self.world.isEmpty), ([EndReason.BUSY], True))

    def test_ringsOn(self) -> None:
        """Calls to users without a client online ring on, unless they lead on for that."""
        self.assertTrue(self.world.dialer.ringsOn(SCOTT))
        self.world.choose(SCOTT, offline="72")
        self.assertFalse(self.world.dialer.ringsOn(SCOTT))

    def test_noLink(self) -> None:
        """While there is no link to the XMPP server all users are offline: calls lead on, or the caller hears it."""
        self.world.users.error = NoLink("away")
        self.world.choose(SCOTT, busy="72")
        self.assertRaises(NoLink, self.world.dialer.dial, f"xmpp:{SCOTT}", BELL)
        self.world.choose(SCOTT, offline="72")
        self.assertIs(cast(ForwardingLeg, self.world.call(SCOTT)).stage, Stage.FORWARDED)

    def test_mayNot(self) -> None:
        """To where a user may not dial no call leads: always means 480 then, busy stays busy."""
        self.world.choose(SCOTT, always="90")
        problem = self.assertRaises(NotForwarded, self.world.dialer.dial, f"xmpp:{SCOTT}", BELL)
        self.assertIs(problem.reason, EndReason.UNAVAILABLE)
        self.assertIn("scott@chat.example does not forward to '90': DialRule", str(problem))
        self.world.choose(SCOTT, busy="90")
        leg = self.world.call(SCOTT)
        self.world.users.legs[0].partyHangsUp(BUSY)
        self.assertEqual((endings(leg), self.world.isEmpty), ([EndReason.BUSY], True))

    def test_noDialer(self) -> None:
        """An address that nothing dials leads nowhere."""
        del self.world.dialers["sip"]
        self.world.choose(SCOTT, always="72")
        self.assertRaises(NotForwarded, self.world.dialer.dial, f"xmpp:{SCOTT}", BELL)
        self.assertTrue(self.world.isEmpty)


class SentOnTests(SynchronousTestCase):
    """What the place to which a call leads is told."""

    def sentOn(self, caller: Party = BELL, user: str = SCOTT, **targets: str) -> Party:
        world = World()
        world.choose(user, False, **(targets or {"always": "72"}))
        world.call(user, caller)
        for leg in world.users.legs:
            leg.partyHangsUp(BUSY)
        ((_, shown),) = world.phones.dialled
        return shown

    def test_diversion(self) -> None:
        """Phones see who calls, and by Diversion who has sent the call on, under their number, and why."""
        shown = self.sentOn()
        self.assertEqual((shown.uri, shown.name), (BELL.uri, "Bell"))
        (station,) = shown.diversions
        self.assertEqual(station.uri, "sip:4711@pbx.example")
        self.assertEqual(dict(station.parameters), {"reason": "unconditional", "counter": "1"})
        self.assertEqual(dict(self.sentOn(busy="72").diversions[0].parameters)["reason"], "user-busy")

    def test_withoutNumber(self) -> None:
        """A user without a number is named by their address, as SIP writes it."""
        self.assertEqual(self.sentOn(user=ANNA).diversions[0].uri, "sip:anna@chat.example")
        self.assertEqual(self.sentOn(user="a\\40b@chat.example").diversions[0].uri, "sip:a%40b@chat.example")

    def test_earlierStations(self) -> None:
        """Stations before stay, behind the latest."""
        before = (Diversion("sip:1@pbx.example"), Diversion("sip:2@pbx.example"))
        shown = self.sentOn(evolve(BELL, diversions=before, forwards=2))
        self.assertEqual([each.uri for each in shown.diversions][1:], [each.uri for each in before])
        self.assertEqual(shown.forwards, 3)

    def test_users(self) -> None:
        """A call that leads from user to user to a phone names both."""
        world = World()
        world.choose(SCOTT, always=ANNA)
        world.choose(ANNA, always="72")
        world.call(SCOTT)
        ((_, shown),) = world.phones.dialled
        self.assertEqual([each.uri for each in shown.diversions], ["sip:anna@chat.example", "sip:4711@pbx.example"])

    def test_hops(self) -> None:
        """A call that was sent on passes few servers more, whatever it might have passed."""
        for hops, left in ((None, MAX_HOPS), (70, MAX_HOPS), (3, 3)):
            self.assertEqual(self.sentOn(evolve(BELL, hops=hops)).hops, left)


class LoopTests(SynchronousTestCase):
    """Calls that would lead on for ever."""

    def setUp(self) -> None:
        self.world = World()

    def assertRound(self, caller: Party = BELL) -> None:
        problem = self.assertRaises(NotForwarded, self.world.dialer.dial, f"xmpp:{SCOTT}", caller)
        self.assertIn("goes round", str(problem))
        self.assertTrue(self.world.isEmpty)
        self.assertEqual(self.world.users.dialled, [])

    def test_self(self) -> None:
        """A user who forwards to themselves is called, once; by a number of theirs it is a round."""
        for when in ("always", "busy"):
            self.world.choose(SCOTT, False, **{when: SCOTT})
            leg = self.world.call(SCOTT)
            self.world.users.legs[-1].partyHangsUp(BUSY)
            self.assertEqual(endings(leg), [EndReason.BUSY])
        self.assertEqual(len(self.world.users.legs), 2)
        self.world.numbers["4711"] = SCOTT
        del self.world.users.dialled[:]
        self.world.choose(SCOTT, always="4711")
        self.assertRound()
        self.world.choose(SCOTT, busy="4711")
        with capturedLogs() as events:
            leg = self.world.call(SCOTT)
            self.world.users.legs[-1].partyHangsUp(BUSY)
        self.assertEqual((endings(leg), len(self.world.users.dialled)), ([EndReason.BUSY], 1))
        self.assertTrue(any("goes round" in str(formatEvent(event)) for event in events))
        self.assertTrue(self.world.isEmpty)

    def test_two(self) -> None:
        """Two users who forward to each other always, or one always and one when busy."""
        self.world.choose(SCOTT, always=ANNA)
        self.world.choose(ANNA, always=SCOTT)
        self.assertRound()
        self.world.choose(ANNA, busy=SCOTT)
        leg = self.world.call(SCOTT)
        self.world.users.legs[0].partyHangsUp(BUSY)
        self.assertEqual(
            (endings(leg), [to for to, _ in self.world.users.dialled]), ([EndReason.BUSY], [f"xmpp:{ANNA}"])
        )
        self.assertTrue(self.world.isEmpty)

    def test_three(self) -> None:
        """Three users in a ring, each of whom is called once if they are busy."""
        self.world.choose(SCOTT, always=ANNA)
        self.world.choose(ANNA, always=BOB)
        self.world.choose(BOB, always=SCOTT)
        self.assertRound()
        for user, other in ((SCOTT, ANNA), (ANNA, BOB), (BOB, SCOTT)):
            self.world.choose(user, busy=other)
        leg = self.world.call(SCOTT)
        for number in range(3):
            self.world.users.legs[number].partyHangsUp(BUSY)
        self.assertEqual(len(self.world.users.legs), 3)
        self.assertEqual((endings(leg), self.world.isEmpty), ([EndReason.BUSY], True))

    def test_unansweredRound(self) -> None:
        """A phone that has rung through does not ring again because the next user forwards back: that one rings on."""
        self.world.choose(SCOTT, no_answer=ANNA)
        self.world.choose(ANNA, no_answer=SCOTT)
        leg = self.world.call(SCOTT)
        self.world.clock.advance(20)
        self.world.clock.advance(20)
        scott, anna = self.world.users.legs
        self.assertEqual((scott.orders, anna.orders), (["start", "hangup"], ["start"]))
        leg.hangup(Ending(EndReason.CANCELLED))
        self.assertTrue(self.world.isEmpty)

    def test_chain(self) -> None:
        """A chain of users ends after so many, though none comes twice."""
        users = [f"u{number}@chat.example" for number in range(MAX_FORWARDS + 2)]
        for user, other in zip(users, users[1:], strict=False):
            self.world.choose(user, always=other)
        problem = self.assertRaises(NotForwarded, self.world.dialer.dial, f"xmpp:{users[0]}", BELL)
        self.assertIn("sent on 5 times", str(problem))
        self.assertIs(self.world.dialer.dial(f"xmpp:{users[1]}", BELL).party, self.world.users.legs[0].party)

    def test_elsewhere(self) -> None:
        """What servers before us say of how often the call was sent on counts, and so do the servers it may pass."""
        self.world.choose(SCOTT, always="72")
        self.assertRound(evolve(BELL, forwards=MAX_FORWARDS))
        self.assertRound(evolve(BELL, hops=0))

    def test_withoutTraces(self) -> None:
        """
        A round by a server that takes all traces away ends too: a user has so many calls that lead on at a time, and
        others have theirs.
        """
        self.world.choose(SCOTT, always="72")
        self.world.choose(ANNA, always="72")
        legs = [self.world.call(SCOTT) for _ in range(MAX_AT_ONCE)]
        self.assertRaises(NotForwarded, self.world.dialer.dial, f"xmpp:{SCOTT}", BELL)
        legs.append(self.world.call(ANNA))
        for leg in legs:
            leg.hangup(Ending(EndReason.HANGUP))
        self.assertTrue(self.world.isEmpty)


class LimitTests(SynchronousTestCase):
    """Whose calls they are."""

    def test_perCaller(self) -> None:
        """A forwarded call is one of the user who forwards, no matter who calls."""
        world = World()
        world.limits.perCaller = 2
        world.choose(SCOTT, busy="72")
        legs = [world.call(SCOTT, Party(f"sip:{number}@pbx.example")) for number in range(3)]
        for leg in world.users.legs:
            leg.partyHangsUp(BUSY)
        self.assertEqual([endings(leg) for leg in legs], [[], [], [EndReason.BUSY]])
        world.choose(SCOTT, always="72")
        self.assertRaises(NotForwarded, world.dialer.dial, f"xmpp:{SCOTT}", BELL)
        for phone in world.phones.legs:
            phone.partyHangsUp(Ending(EndReason.HANGUP))
        self.assertTrue(world.isEmpty)

    def test_perSecond(self) -> None:
        """It counts among the calls that begin in a second."""
        world = World()
        world.limits.perSecond = 1
        world.choose(SCOTT, always="72")
        world.call(SCOTT)
        self.assertRaises(Congested, world.dialer.dial, f"xmpp:{SCOTT}", BELL)
        self.assertEqual(world.dialer._live[SCOTT], 1)

    def test_fault(self) -> None:
        """A fault of ours while it is dialled leaves nothing counted."""
        world = World()
        world.phones.error = ZeroDivisionError()
        world.choose(SCOTT, always="72")
        self.assertRaises(ZeroDivisionError, world.dialer.dial, f"xmpp:{SCOTT}", BELL)
        self.assertTrue(world.isEmpty)

    @slow
    def test_manyUsers(self) -> None:
        """Thousands of users who forward cost a call no more than one."""
        world = World()
        for number in range(50_000):
            world.choose(f"u{number}@chat.example", always="72")
        leg = world.call("u49999@chat.example")
        self.assertIsInstance(leg, ForwardingLeg)
        self.assertIsInstance(world.call("other@chat.example"), FakeLeg)
