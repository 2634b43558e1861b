# -*- test-case-name: ichatgw.test.forwarding.test_leg -*-
"""
Tests for L{ichatgw.forwarding.leg}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, cast

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.call import Call
from ichatgw.errors import NoRoute
from ichatgw.forwarding.choices import Chosen, Forward
from ichatgw.forwarding.leg import DECIDING, ForwardingLeg, Stage
from ichatgw.interfaces import ILeg
from ichatgw.model import Ending, EndReason, Party, SessionDescription
from ichatgw.test.support.callscenes import ANSWER
from ichatgw.test.support.fakes import OFFER, FakeCall, FakeLeg, FakeMessage
from ichatgw.test.support.legs import LegContract
from ichatgw.test.support.media.fakerelays import FakeRelay, FakeSide
from ichatgw.users.preferences import When

USER = "scott@chat.example"
BUSY = Ending(EndReason.BUSY, "rejected", cause=17)
ABSENT = Ending(EndReason.UNAVAILABLE, "no client is there", cause=20)
ALL = tuple(Forward(when, f"for {when.value}", 20) for when in When)


class World:
    """
    A user, and the places where their calls lead.

    @ivar places: the legs that were made for forwards, and C{targets} to where.
    @ivar refusal: raised instead of making one.
    @ivar led: the legs that have led on.
    @ivar ended: the legs that are over.
    """

    def __init__(self, *forwards: Forward) -> None:
        self.clock = Clock()
        self.forwards = forwards
        self.users: list[FakeLeg] = []
        self.places: list[FakeLeg] = []
        self.targets: list[str] = []
        self.refusal: Exception | None = None
        self.led: list[ForwardingLeg] = []
        self.ended: list[ForwardingLeg] = []

    def make(self, isForwarded: bool = False, slow: bool = False) -> ForwardingLeg:
        """A leg to the user, or to where all their calls lead."""
        inner = FakeLeg(Party(f"xmpp:{USER}"), slow=slow)
        self.users.append(inner)
        leg = ForwardingLeg(
            user=USER,
            chosen=Chosen(self.forwards),
            first=inner,
            isForwarded=isForwarded,
            clock=self.clock,
            onward=self.onward,
            leads=self.led.append,
            over=self.ended.append,
        )
        leg.call, leg.side = FakeCall(), FakeSide()
        return leg

    def start(self, slow: bool = False) -> ForwardingLeg:
        """One that calls the user."""
        leg = self.make(slow=slow)
        leg.start(OFFER)
        return leg

    def onward(self, leg: ForwardingLeg, forward: Forward) -> FakeLeg:
        """Make the leg to where a forward leads."""
        if self.refusal is not None:
            raise self.refusal
        self.targets.append(forward.target)
        self.places.append(FakeLeg(Party("sip:72@pbx.example")))
        return self.places[-1]


def news(leg: ILeg) -> FakeCall:
    return cast(FakeCall, leg.call)


class ForwardTests(SynchronousTestCase):
    """When a call leads on."""

    def test_untouched(self) -> None:
        """A call that is answered in time is as one that is never forwarded."""
        world = World(*ALL)
        leg = world.start()
        (user,) = world.users
        self.assertEqual((user.orders, user.side, user.call.id), (["start"], leg.side, "call-1"))
        user.partyRings()
        user.partyAnswers(ANSWER)
        world.clock.advance(1000)
        self.assertEqual(news(leg).news, ["ringing", "answered"])
        user.partyHangsUp(BUSY)
        self.assertEqual((world.places, news(leg).endings), ([], [(leg, BUSY)]))
        self.assertEqual((world.clock.getDelayedCalls(), world.ended), ([], [leg]))

    def test_noAnswer(self) -> None:
        """After so many seconds the user's clients stop ringing, and the other place is called with the same offer."""
        world = World(Forward(When.NO_ANSWER, "72", 20))
        leg = world.start()
        world.users[0].partyRings()
        world.clock.advance(19.9)
        self.assertEqual(world.places, [])
        world.clock.advance(0.1)
        self.assertEqual([each.reason for each in world.users[0].hangups], [EndReason.CANCELLED])
        (place,) = world.places
        self.assertEqual((place.orders, place.offers, place.side), (["start"], [OFFER], leg.side))
        self.assertEqual((leg.party, leg.stage, world.led), (place.party, Stage.FORWARDED, [leg]))
        place.partyRings()
        place.partyAnswers(ANSWER)
        self.assertEqual((news(leg).news, news(leg).answers), (["ringing", "handed", "ringing", "answered"], [ANSWER]))

    def test_outcomes(self) -> None:
        """Busy, declined, absent and unanswered calls each lead to their own place; the caller hears nothing of it."""
        for ending, rang, target in (
            (BUSY, True, "for busy"),
            (Ending(EndReason.DECLINED), True, "for busy"),
            (ABSENT, False, "for offline"),
            (Ending(EndReason.NOT_FOUND, "is offline", cause=20), False, "for offline"),
            (Ending(EndReason.UNAVAILABLE, "nobody answered", cause=19), True, "for no answer"),
        ):
            world = World(*ALL)
            leg = world.start()
            if rang:
                world.users[0].partyRings()
            world.users[0].partyHangsUp(ending)
            self.assertEqual((world.targets, news(leg).endings), ([target], []), ending)
            self.assertEqual(world.clock.getDelayedCalls(), [])
            world.places[0].partyHangsUp(Ending(EndReason.DECLINED))
            self.assertEqual(news(leg).reasons, [EndReason.DECLINED], "the place is the last word")

    def test_otherOutcomes(self) -> None:
        """Who has no place for what has happened, or whose call cannot be at all, is told the true reason."""
        for forwards, ending in (
            ((Forward(When.BUSY, "72", 20),), ABSENT),
            ((Forward(When.OFFLINE, "72", 20),), BUSY),
            (ALL, Ending(EndReason.NOT_FOUND, "no such user")),
            (ALL, Ending(EndReason.INCOMPATIBLE)),
            (ALL, Ending(EndReason.CONGESTED)),
        ):
            world = World(*forwards)
            leg = world.start()
            world.users[0].partyHangsUp(ending)
            self.assertEqual((world.places, news(leg).endings), ([], [(leg, ending)]))

    def test_atOnce(self) -> None:
        """A leg that leads on from the start goes nowhere else, whatever becomes of it."""
        world = World(*ALL)
        leg = world.make(isForwarded=True)
        leg.start(OFFER)
        self.assertEqual((world.clock.getDelayedCalls(), world.led), ([], [leg]))
        world.users[0].partyHangsUp(BUSY)
        self.assertEqual((world.places, news(leg).endings), ([], [(leg, BUSY)]))

    def test_onlyOnce(self) -> None:
        """The place to which a call leads is not left again for another rule of the same user."""
        world = World(*ALL)
        leg = world.start()
        world.users[0].partyHangsUp(BUSY)
        world.places[0].partyHangsUp(ABSENT)
        self.assertEqual((len(world.places), news(leg).reasons), (1, [EndReason.UNAVAILABLE]))

    def test_cannotLead(self) -> None:
        """If the call cannot lead there the user rings on, and the log says why; else the true reason is told."""
        world = World(*ALL)
        world.refusal = NoRoute("no rule")
        with capturedLogs() as events:
            leg = world.start()
            world.clock.advance(20)
            self.assertEqual((leg.stage, world.users[0].hangups), (Stage.CALLING, []))
            world.users[0].partyHangsUp(BUSY)
        self.assertEqual(news(leg).endings, [(leg, BUSY)])
        lines = [formatEvent(event) for event in events]
        self.assertEqual(len(lines), 2)
        self.assertTrue(
            all("does not forward to 'for " in str(line) and "no rule" in str(line) for line in lines), lines
        )

    def test_fault(self) -> None:
        """A fault of ours keeps the user ringing, and ends no call but its own."""
        world = World(*ALL)
        world.refusal = ZeroDivisionError()
        leg = world.start()
        world.clock.advance(20)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIs(leg.stage, Stage.CALLING)
        world.refusal = None
        world.places = Broken()
        leg = world.start()
        world.users[-1].partyHangsUp(BUSY)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertEqual(news(leg).reasons, [EndReason.FAILED])


class Broken(list[FakeLeg]):
    """Legs that break their promise in their first order."""

    def append(self, leg: FakeLeg) -> None:
        leg.offers = cast("list[SessionDescription]", None)
        super().append(leg)


class _Leaving(FakeLeg):
    """A leg whose caller leaves while it is hung up."""

    callers: ClassVar[list[FakeLeg]] = []

    def hangup(self, ending: Ending) -> None:
        super().hangup(ending)
        while self.callers:
            self.callers.pop().partyHangsUp(Ending(EndReason.CANCELLED))


class RaceTests(SynchronousTestCase):
    """What happens at once."""

    def test_answerAfterTheTimer(self) -> None:
        """A client that answers when it has been given up does not get the call, and rings no more."""
        world = World(Forward(When.NO_ANSWER, "72", 20))
        leg = world.start(slow=True)
        world.clock.advance(20)
        user = world.users[0]
        user.partyRings()
        user.partyAnswers(ANSWER)
        user.partySays(FakeMessage())
        user.partyHangsUp(BUSY)
        self.assertEqual((news(leg).news, leg.stage), (["handed"], Stage.FORWARDED))
        world.places[0].partyAnswers(ANSWER)
        self.assertEqual(news(leg).news, ["handed", "answered"])

    def test_takenAtTheTimer(self) -> None:
        """A call that somebody has just taken is not taken away from them: it is waited for what comes of it."""
        world = World(Forward(When.NO_ANSWER, "72", 20))
        leg = world.start()
        world.users[0].isTaken = True
        world.clock.advance(20)
        world.clock.advance(DECIDING)
        self.assertEqual(world.places, [])
        world.users[0].partyAnswers(ANSWER)
        world.clock.advance(100)
        self.assertEqual((news(leg).news, world.clock.getDelayedCalls()), (["answered"], []))

    def test_takenInVain(self) -> None:
        """If nothing comes of that the call leads on."""
        world = World(Forward(When.NO_ANSWER, "72", 20))
        world.start()
        world.users[0].isTaken = True
        world.clock.advance(20)
        world.users[0].isTaken = False
        world.clock.advance(DECIDING)
        self.assertEqual(len(world.places), 1)

    def test_callerGoes(self) -> None:
        """A caller who gives up at any moment leaves nothing ringing, and the call leads nowhere else."""
        for before in ("calling", "timer", "busy", "slow"):
            world = World(*ALL)
            leg = world.start(slow=before == "slow")
            if before == "timer":
                world.clock.advance(20)
            elif before == "busy":
                world.users[0].partyHangsUp(BUSY)
            leg.hangup(Ending(EndReason.CANCELLED))
            if before == "slow":
                self.assertEqual(news(leg).news, [])
                world.users[0].partyHangsUp(BUSY)  # it crosses with ours
            self.assertEqual(news(leg).news.count("ended"), 1, before)
            self.assertEqual(len(world.places), 1 if before in ("timer", "busy") else 0)
            self.assertTrue(all(place.over for place in world.places))
            self.assertEqual((world.clock.getDelayedCalls(), world.ended), ([], [leg]))

    def test_callerGoesInside(self) -> None:
        """So does one who gives up at the very moment when the call leads on."""
        world = World(*ALL)
        closings: list[Call] = []
        leg, caller = world.make(), FakeLeg()
        leg.first = _Leaving(leg.party)
        _Leaving.callers.append(caller)
        call = Call("c", caller, leg, FakeRelay(), world.clock, closings.append)
        call.start(OFFER)
        world.clock.advance(20)
        self.assertEqual((closings, [place.orders for place in world.places]), ([call], [["hangup"]]))
        self.assertEqual(world.clock.getDelayedCalls(), [])

    def test_linkLost(self) -> None:
        """A link that is lost ends no call that has been forwarded to a phone."""
        world = World(*ALL)
        leg, caller = world.make(), FakeLeg()
        call = Call("c", caller, leg, FakeRelay(), world.clock, lambda call: None)
        call.start(OFFER)
        world.users[0].partyHangsUp(BUSY)
        call.strand("xmpp", Ending(EndReason.NO_LINK))
        self.assertEqual(world.places[0].hangups, [])
        call.hangup(Ending(EndReason.SHUTDOWN))


class ForwardingLegTests(LegContract, SynchronousTestCase):
    """L{ForwardingLeg} keeps the promises of a leg."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        self.worlds: list[World] = []

        def world() -> World:
            self.worlds.append(World(*ALL))
            return self.worlds[-1]

        def forwarded() -> ILeg:
            made = world()
            leg = made.start()
            made.clock.advance(20)
            return leg

        def taken() -> ILeg:
            made = world()
            leg = made.start()
            made.users[0].partyAnswers(ANSWER)
            return leg

        return {
            "fresh": lambda: world().make(),
            "calling": lambda: world().start(),
            "slow": lambda: world().start(slow=True),
            "forwarded": forwarded,
            "taken": taken,
        }

    def partyHangsUp(self, leg: ILeg) -> None:
        inner = cast(FakeLeg | None, cast(ForwardingLeg, leg).inner)
        if inner is None:
            leg.hangup(Ending(EndReason.HANGUP))
        elif not inner.over:
            inner.partyHangsUp(Ending(EndReason.HANGUP))

    def settle(self, leg: ILeg) -> None:
        inner = cast(FakeLeg | None, cast(ForwardingLeg, leg).inner)
        if inner is not None and "hangup" in inner.orders and not inner.over:
            inner.partyHangsUp(Ending(EndReason.HANGUP))

    def assertNothingLeft(self) -> None:
        for world in self.worlds:
            if world.ended:
                self.assertEqual(world.clock.getDelayedCalls(), [])
