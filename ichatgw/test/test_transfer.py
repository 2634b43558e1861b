"""Tests for L{ichatgw.transfer}, and for what L{ichatgw.call} does when a party is replaced."""

from __future__ import annotations

from attrs import define, evolve, field
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.call import CLOSING_TIMEOUT, Call, Nobody
from ichatgw.errors import Congested, NoRoute
from ichatgw.interfaces import ICall, ILeg, IReferral
from ichatgw.model import PCMU, Codec, Direction, Ending, EndReason, SessionDescription, Tone
from ichatgw.parties import FAREWELL, ITransferable
from ichatgw.test.fakes import OFFER, FakeLeg, FakeReferral, FakeRelay
from ichatgw.transfer import TRANSFERRED

PCMA = Codec("PCMA", 8000, 8)
BOTH = SessionDescription((PCMU, PCMA))
BUSY = Ending(EndReason.BUSY, "486 Busy Here")
BYE = Ending(EndReason.HANGUP)


@define(eq=False)
class FakeSwitchboard:
    """
    Leads to a L{FakeLeg}.

    @ivar wishes: who was to be connected, and where.
    @ivar exchanges: who was heard of.
    """

    target: FakeLeg = field(factory=lambda: FakeLeg(id="target"))
    error: Exception | None = None
    wishes: list[tuple[ILeg, IReferral]] = field(factory=list)
    exchanges: list[tuple[ILeg, ILeg]] = field(factory=list)

    def connect(self, call: ICall, peer: ILeg, referral: IReferral) -> ILeg:
        self.wishes.append((peer, referral))
        if self.error is not None:
            raise self.error
        return self.target

    def exchanged(self, call: ICall) -> None:
        assert isinstance(call, Call)
        self.exchanges.append((call.caller, call.callee))


class TransferCase(SynchronousTestCase):
    """Alice has called Bob, and they talk."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.switchboard = FakeSwitchboard()
        self.closings: list[Call] = []
        self.relay = FakeRelay()
        self.alice, self.bob, self.carol = FakeLeg(id="alice"), FakeLeg(id="bob"), self.switchboard.target
        self.call = self.make("1", self.alice, self.bob, self.relay)
        self.call.start(BOTH)
        self.bob.partyAnswers(BOTH)

    def make(self, name: str, caller: FakeLeg, callee: FakeLeg, relay: FakeRelay) -> Call:
        return Call(name, caller, callee, relay, self.clock, self.closings.append, self.switchboard)

    def refer(self, leg: FakeLeg | None = None, referral: FakeReferral | None = None) -> FakeReferral:
        referral = referral or FakeReferral()
        self.call.referred(leg or self.bob, referral)
        return referral

    def assertOver(self, *calls: Call) -> None:
        """These calls are closed, each once; nothing is left."""
        self.assertEqual(self.closings, list(calls or (self.call,)))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])


class ReferTests(TransferCase):
    """Bob refers Alice to Carol."""

    def test_interfaces(self) -> None:
        """The target's leg reports to a call, too."""
        self.refer()
        self.assertTrue(verifyObject(ICall, self.carol.call))
        self.assertTrue(verifyObject(ITransferable, self.call))
        self.assertTrue(verifyObject(IReferral, FakeReferral()))

    def test_dialled(self) -> None:
        """A leg is made for Alice, with a side of its own and the formats the two use; Alice is not told."""
        orders = list(self.alice.orders)
        referral = self.refer()
        self.assertEqual(self.switchboard.wishes, [(self.alice, referral)])
        self.assertEqual(self.carol.offers, [BOTH])
        self.assertEqual(self.relay.others, [self.carol.side])
        self.assertEqual(referral.news, ["accepted"])
        self.assertEqual((self.alice.orders, self.bob.orders), (orders, ["start"]))

    def test_answered(self) -> None:
        """Carol has Bob's place; Bob is told, and has some time to hang up; Alice is not disturbed."""
        orders = list(self.alice.orders)
        referral = self.refer()
        self.carol.partyRings()
        self.carol.partyProgresses()
        self.carol.partyAnswers(BOTH)
        self.assertEqual(referral.news, ["accepted", "rang", "succeeded"])
        self.assertEqual((self.call.caller, self.call.callee), (self.alice, self.carol))
        self.assertIs(self.carol.call, self.call)
        self.assertIs(self.relay.callee, self.carol.side)
        self.assertEqual(self.relay.others, [self.bob.side])
        self.assertEqual(self.switchboard.exchanges, [(self.alice, self.carol)])
        self.assertEqual((self.alice.orders, self.bob.orders), (orders, ["start"]))
        self.bob.partyHangsUp()
        self.assertEqual(self.relay.others, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.closings, [])
        self.carol.partyHangsUp(BYE)
        self.assertEqual(self.alice.hangups, [BYE])
        self.assertOver()

    def test_formerSaysMore(self) -> None:
        """Bob has some time to hang up, and none to do anything else: he is no party any more."""
        self.refer()
        self.carol.partyAnswers(BOTH)
        orders = list(self.alice.orders), list(self.carol.orders)
        again = FakeReferral()
        self.bob.partyUpdates(evolve(BOTH, direction=Direction.INACTIVE))
        self.bob.partyPresses(Tone("5"))
        self.bob.partyAgrees(SessionDescription((PCMA,)))
        self.bob.partyRefuses(BUSY)
        self.call.referred(self.bob, again)
        self.assertEqual((self.alice.orders, self.carol.orders), orders)
        self.assertEqual(self.call._parties.agreed, (PCMU, PCMA))
        self.assertEqual((again.news, len(self.bob.refusals)), (["declined"], 1))
        self.assertNotIn(self.bob, self.call._parties.directions)

    def test_hungUp(self) -> None:
        """If Bob does not hang up he is hung up."""
        self.refer()
        self.carol.partyAnswers(BOTH)
        self.clock.advance(FAREWELL)
        self.assertEqual(self.bob.hangups, [TRANSFERRED])
        self.assertEqual((self.relay.others, self.closings), ([], []))
        self.alice.partyHangsUp(BYE)
        self.assertEqual(self.carol.hangups, [BYE])
        self.assertOver()

    def test_callerRefers(self) -> None:
        """Alice may refer Bob as well."""
        self.refer(self.alice)
        self.carol.partyAnswers(BOTH)
        self.assertEqual((self.call.caller, self.call.callee), (self.carol, self.bob))
        self.assertEqual(self.bob.orders, ["start"])
        self.clock.advance(FAREWELL)
        self.assertEqual(self.alice.hangups, [TRANSFERRED])
        self.bob.partyHangsUp(BYE)
        self.assertEqual(self.carol.hangups, [BYE])
        self.assertOver()

    def test_again(self) -> None:
        """Carol may refer Alice on, and Bob does not count any more."""
        self.refer()
        self.carol.partyAnswers(BOTH)
        carol, self.switchboard.target = self.carol, FakeLeg(id="dave")
        referral = self.refer(carol)
        self.bob.partyHangsUp()
        self.switchboard.target.partyAnswers(BOTH)
        self.assertEqual(referral.news, ["accepted", "succeeded"])
        self.assertIs(self.call.callee, self.switchboard.target)
        self.clock.advance(FAREWELL)
        self.alice.partyHangsUp()
        self.assertOver()

    def test_onlyOne(self) -> None:
        """While one referral is tried another is not, whoever sends it."""
        self.refer()
        self.assertEqual(self.refer().news, ["declined, busy"])
        self.assertEqual(self.refer(self.alice).news, ["declined, busy"])
        self.carol.partyHangsUp(BUSY)
        self.switchboard.target = FakeLeg()
        self.assertEqual(self.refer().news, ["accepted"])

    def test_nobody(self) -> None:
        """Whoever has no call with a peer in it cannot refer."""
        for stage in ("idle", "calling", "closing", "closed"):
            caller, callee = FakeLeg(slow=stage == "closing"), FakeLeg()
            call = self.make(stage, caller, callee, FakeRelay())
            if stage != "idle":
                call.start(OFFER)
            if stage in ("closing", "closed"):
                callee.partyHangsUp(BUSY)
            referral = FakeReferral()
            call.referred(callee, referral)
            self.assertEqual(referral.news, ["declined"], stage)
        referral = FakeReferral()
        Nobody().referred(self.bob, referral)
        self.assertEqual(referral.news, ["declined"])

    def test_target(self) -> None:
        """The target cannot refer, or change anything, before it has answered."""
        self.refer()
        referral = FakeReferral()
        self.carol.call.referred(self.carol, referral)
        self.carol.partyUpdates(BOTH)
        self.carol.partyPresses(Tone("1"))
        self.carol.partyAgrees(BOTH)
        self.carol.partyRefuses(BUSY)
        self.assertEqual(referral.news, ["declined"])
        self.assertEqual(self.carol.orders, ["start", "refuse"])
        self.assertEqual(self.alice.orders, ["answer"])

    def test_log(self) -> None:
        """Each step is a line with the call's name."""
        with capturedLogs() as events:
            self.refer()
            self.carol.partyRings()
            self.carol.partyAnswers(BOTH)
        lines = [formatEvent(event) for event in events]
        self.assertEqual(
            lines,
            [
                "call=1 leg=bob refers 'sip:bob@example.net' to 'sip:carol@gw.example'",
                "call=1 leg=target 'sip:bob@example.net' is ringing",
                "call=1 leg=target 'sip:bob@example.net' answered; transferred",
                "call=1 leg=target 'sip:bob@example.net' takes the place of leg=bob",
            ],
        )


class RecoveryTests(TransferCase):
    """It comes to nothing."""

    def test_failed(self) -> None:
        """Carol is busy: Bob is told why, and talks to Alice as before."""
        referral = self.refer()
        self.carol.partyHangsUp(BUSY)
        self.assertEqual((referral.news, referral.endings), (["accepted", "failed"], [BUSY]))
        self.assertEqual((self.call.caller, self.call.callee), (self.alice, self.bob))
        self.assertEqual((self.relay.others, self.clock.getDelayedCalls()), ([], []))
        self.assertEqual((self.alice.orders, self.bob.orders), (["answer"], ["start"]))
        self.bob.partyHangsUp(BYE)
        self.assertEqual(self.alice.hangups, [BYE])
        self.assertOver()

    def test_failedWhileHeld(self) -> None:
        """Bob has put Alice on hold before: he resumes."""
        self.bob.partyUpdates(evolve(BOTH, direction=Direction.SENDONLY))
        self.refer()
        self.carol.partyHangsUp(BUSY)
        self.bob.partyUpdates(BOTH)
        self.assertEqual([offer.direction for offer in self.alice.updates], [Direction.SENDONLY, Direction.SENDRECV])

    def test_stillborn(self) -> None:
        """So it is if Carol's leg ends within its start."""
        self.carol.stillborn = BUSY
        referral = self.refer()
        self.assertEqual(referral.news, ["accepted", "failed"])
        self.assertEqual((self.relay.others, self.closings), ([], []))

    def test_nowhere(self) -> None:
        """No rule, no port, a dialer that breaks: Bob is told, the call goes on."""
        problems: tuple[tuple[Exception, EndReason], ...] = (
            (NoRoute("no rule"), EndReason.NOT_FOUND),
            (Congested("full"), EndReason.CONGESTED),
            (ZeroDivisionError(), EndReason.FAILED),
        )
        for error, reason in problems:
            self.switchboard.error = error
            referral = self.refer()
            self.assertEqual((referral.news, referral.endings[0].reason), (["accepted", "failed"], reason))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.switchboard.error = None
        self.relay.full = True
        self.assertEqual(self.refer().endings[0].reason, EndReason.CONGESTED)
        self.assertEqual((self.alice.orders, self.bob.orders, self.closings), (["answer"], ["start"], []))

    def test_noSwitchboard(self) -> None:
        """A call that nobody helps goes on, too."""
        call = Call("2", FakeLeg(), FakeLeg(), FakeRelay(), self.clock, self.closings.append)
        call.start(OFFER)
        call.answered(call.callee, OFFER)
        referral = FakeReferral()
        call.referred(call.callee, referral)
        self.assertEqual(referral.news, ["accepted", "failed"])

    def test_answeredByNobodyElse(self) -> None:
        """What the target says after its end is not heard."""
        self.refer()
        self.carol.partyHangsUp(BUSY)
        self.call.targetAnswered(BOTH)
        self.call.targetEnded(BUSY)
        self.assertEqual((self.call.callee, self.closings), (self.bob, []))
        self.assertEqual(self.flushLoggedErrors(), [])


class BlindTests(TransferCase):
    """Bob hangs up as soon as he has referred."""

    def setUp(self) -> None:
        super().setUp()
        self.referral = self.refer()
        self.bob.partyHangsUp(BYE)

    def test_waits(self) -> None:
        """Alice waits for Carol, whose early media she may hear."""
        self.assertEqual((self.alice.orders, self.carol.orders), (["answer"], ["start"]))
        self.assertIs(self.relay.callee, self.carol.side)
        self.assertEqual((self.relay.others, self.closings), ([], []))

    def test_answered(self) -> None:
        """Then they talk."""
        self.carol.partyAnswers(BOTH)
        self.assertEqual(self.referral.news, ["accepted", "succeeded"])
        self.assertIs(self.carol.call, self.call)
        self.assertEqual(self.alice.orders, ["answer"])
        self.alice.partyHangsUp(BYE)
        self.assertEqual(self.carol.hangups, [BYE])
        self.assertOver()

    def test_busy(self) -> None:
        """If Carol does not take the call Alice is told why it ends."""
        self.carol.partyHangsUp(BUSY)
        self.assertEqual(self.referral.news, ["accepted", "failed"])
        self.assertEqual(self.alice.hangups, [BUSY])
        self.assertOver()

    def test_aliceGivesUp(self) -> None:
        """Carol rings no more."""
        self.alice.partyHangsUp(BYE)
        self.assertEqual(self.carol.hangups, [BYE])
        self.assertEqual(self.referral.news, ["accepted", "failed"])
        self.assertOver()

    def test_aliceHolds(self) -> None:
        """What Alice changes meanwhile she is granted here."""
        self.alice.partyUpdates(evolve(BOTH, direction=Direction.SENDONLY))
        self.assertEqual(self.carol.orders, ["start"])
        self.assertEqual(self.alice.answers[-1].direction, Direction.SENDRECV)

    def test_notToBeJoined(self) -> None:
        """Nobody can be joined with who has not answered."""
        self.assertIsNone(self.call.partner(self.alice))
        self.assertIsNone(self.call.partner(self.carol))

    def test_again(self) -> None:
        """Alice cannot refer her meanwhile."""
        self.assertEqual(self.refer(self.alice).news, ["declined, busy"])


class EndTests(TransferCase):
    """The call ends while somebody is tried, or has just gone."""

    def test_peerHangsUp(self) -> None:
        """Alice has had enough: all are told."""
        referral = self.refer()
        self.alice.partyHangsUp(BYE)
        self.assertEqual((self.bob.hangups, self.carol.hangups), ([BYE], [BYE]))
        self.assertEqual((referral.news, referral.endings[0].reason), (["accepted", "failed"], EndReason.CANCELLED))
        self.assertOver()

    def test_gatewayStops(self) -> None:
        """So it is when we end the call."""
        stop = Ending(EndReason.SHUTDOWN)
        self.refer()
        self.call.hangup(stop)
        self.assertEqual((self.alice.hangups, self.bob.hangups, self.carol.hangups), ([stop],) * 3)
        self.assertOver()

    def test_slowTarget(self) -> None:
        """The call is over when the last of the legs is, the target's too."""
        self.carol.slow = True
        self.refer()
        self.alice.partyHangsUp(BYE)
        self.assertEqual(self.closings, [])
        self.carol.partyHangsUp()
        self.assertOver()

    def test_silentTarget(self) -> None:
        """A leg that says nothing is written off."""
        self.carol.slow = True
        self.refer()
        self.alice.partyHangsUp(BYE)
        self.clock.advance(CLOSING_TIMEOUT)
        self.assertOver()

    def test_slowFormer(self) -> None:
        """Who is to hang up is hung up when the call ends, and waited for."""
        self.bob.slow = True
        self.refer()
        self.carol.partyAnswers(BOTH)
        self.alice.partyHangsUp(BYE)
        self.assertEqual(self.bob.hangups, [BYE])
        self.assertEqual(self.closings, [])
        self.bob.partyHangsUp()
        self.assertOver()

    def test_formerHangsUpWithTheCall(self) -> None:
        """Who was told to hang up and has not done so is not told again."""
        self.bob.slow = True
        self.refer()
        self.carol.partyAnswers(BOTH)
        self.clock.advance(FAREWELL)
        self.alice.partyHangsUp(BYE)
        self.assertEqual(self.bob.hangups, [TRANSFERRED])
        self.clock.advance(CLOSING_TIMEOUT)
        self.assertOver()

    def test_failure(self) -> None:
        """An exception of ours ends all legs of the call, the target's too."""

        class Breaks(FakeLeg):
            def update(self, offer: SessionDescription) -> None:
                raise ZeroDivisionError

        alice, bob = Breaks(), FakeLeg()
        call = self.make("2", alice, bob, FakeRelay())
        call.start(BOTH)
        bob.partyAnswers(BOTH)
        call.referred(bob, FakeReferral())
        bob.partyUpdates(BOTH)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual([leg.over for leg in (alice, bob, self.carol)], [True] * 3)
        self.assertOver(call)


class SuitTests(TransferCase):
    """The party that stays is told something only if it has to know."""

    def test_fewerFormats(self) -> None:
        """It uses a format that the new one does not have."""
        self.refer()
        self.carol.partyAnswers(SessionDescription((PCMA,)))
        self.assertEqual(self.alice.updates, [SessionDescription((PCMA,))])

    def test_held(self) -> None:
        """It was put on hold by the one that has gone, who hangs up later or before."""
        self.bob.partyUpdates(evolve(BOTH, direction=Direction.SENDONLY))
        self.refer()
        self.carol.partyAnswers(BOTH)
        self.assertEqual([offer.direction for offer in self.alice.updates], [Direction.SENDONLY, Direction.SENDRECV])

    def test_heldBlind(self) -> None:
        """The same if he does not wait."""
        self.bob.partyUpdates(evolve(BOTH, direction=Direction.INACTIVE))
        self.refer()
        self.bob.partyHangsUp()
        self.carol.partyAnswers(BOTH)
        self.assertEqual([offer.direction for offer in self.alice.updates], [Direction.INACTIVE, Direction.SENDRECV])

    def test_asking(self) -> None:
        """It has asked the one that is gone for something: nobody will agree to that any more."""
        self.refer()
        self.alice.partyUpdates(SessionDescription((PCMA,)))
        self.carol.partyAnswers(BOTH)
        self.assertEqual(len(self.alice.refusals), 1)
        self.alice.partyUpdates(SessionDescription((PCMA,)))
        self.carol.partyAgrees(SessionDescription((PCMA,)))
        self.clock.advance(FAREWELL)
        self.assertEqual((len(self.alice.refusals), self.alice.orders[-1]), (1, "agree"))

    def test_agreedAnew(self) -> None:
        """The target is offered what the two agreed on last."""
        self.bob.partyUpdates(SessionDescription((PCMA,)))
        self.alice.partyAgrees(SessionDescription((PCMA,)))
        self.refer()
        self.assertEqual(self.carol.offers, [SessionDescription((PCMA,))])


class JoinTests(TransferCase):
    """Bob has a second call, to Carol, and joins Alice and her."""

    def setUp(self) -> None:
        super().setUp()
        self.bob2 = FakeLeg(id="bob2")
        self.otherRelay = FakeRelay()
        self.other = self.make("2", self.bob2, self.carol, self.otherRelay)
        self.other.start(BOTH)

    def join(self, codecs: SessionDescription = BOTH, joins: ILeg | None = None) -> FakeReferral:
        if not self.other._parties.answeredAt:
            self.carol.partyAnswers(codecs)
        return self.refer(referral=FakeReferral(joins=joins or self.bob2))

    def test_joined(self) -> None:
        """Carol's leg comes over with its side; nobody is called; both legs of Bob go; the second call is over."""
        referral = self.join()
        self.assertEqual(referral.news, ["accepted", "succeeded"])
        self.assertEqual(self.switchboard.wishes, [])
        self.assertEqual((self.call.caller, self.call.callee), (self.alice, self.carol))
        self.assertIs(self.carol.call, self.call)
        self.assertIs(self.relay.callee, self.carol.side)
        self.assertEqual([ending.reason for ending in self.bob2.hangups], [EndReason.HANGUP])
        self.assertEqual(self.closings, [self.other])
        self.assertEqual((self.alice.updates, self.carol.updates), ([], []))
        self.clock.advance(FAREWELL)
        self.assertEqual(self.bob.hangups, [TRANSFERRED])
        self.carol.partyHangsUp(BYE)
        self.assertEqual(self.alice.hangups, [BYE])
        self.assertOver(self.other, self.call)

    def test_told(self) -> None:
        """Both are told if they spoke something else, or were on hold."""
        self.bob.partyUpdates(evolve(BOTH, direction=Direction.SENDONLY))
        self.join(SessionDescription((PCMA,)))
        self.assertEqual(self.alice.updates[-1], SessionDescription((PCMA,)))
        self.assertEqual(self.carol.updates, [])
        self.assertEqual(self.call._parties.agreed, (PCMA,))

    def test_carolHeld(self) -> None:
        """Carol was on hold: she is told that she is not."""
        self.carol.partyAnswers(BOTH)
        self.bob2.partyUpdates(evolve(BOTH, direction=Direction.SENDONLY))
        self.join()
        self.assertEqual([offer.direction for offer in self.carol.updates], [Direction.SENDONLY, Direction.SENDRECV])
        self.assertEqual(self.alice.updates, [])

    def test_nothingInCommon(self) -> None:
        """Two who have no format in common stay where they are."""
        self.alice.partyAgrees(SessionDescription((PCMU,)))
        referral = self.join(SessionDescription((PCMA,)))
        self.assertEqual(referral.endings[0].reason, EndReason.INCOMPATIBLE)
        self.assertEqual((self.call.callee, self.other.callee, self.closings), (self.bob, self.carol, []))

    def test_asking(self) -> None:
        """What Carol has asked of Bob nobody will answer any more: she hears so at once."""
        self.carol.partyAnswers(BOTH)
        self.carol.partyUpdates(SessionDescription((PCMA,)))
        self.join()
        self.assertEqual([ending.reason for ending in self.carol.refusals], [EndReason.HANGUP])
        self.assertIs(self.carol.call, self.call)

    def test_notAnswered(self) -> None:
        """Carol has not answered yet."""
        referral = self.refer(referral=FakeReferral(joins=self.bob2))
        self.assertEqual((referral.news, referral.endings[0].reason), (["accepted", "failed"], EndReason.NOT_FOUND))
        self.assertEqual((self.call.callee, self.closings), (self.bob, []))

    def test_noOtherCall(self) -> None:
        """The same call, a leg of nobody's, a call that is over."""
        self.assertEqual(self.join(joins=self.bob).news, ["accepted", "failed"])
        self.assertEqual(self.join(joins=FakeLeg()).news, ["accepted", "failed"])
        self.carol.partyHangsUp()
        self.assertEqual(self.join(joins=self.bob2).news, ["accepted", "failed"])

    def test_otherSide(self) -> None:
        """Bob may have been called by Carol."""
        referral = self.join(joins=self.carol)
        self.assertEqual(referral.news, ["accepted", "succeeded"])
        self.assertIs(self.call.callee, self.bob2)
        self.assertEqual([ending.reason for ending in self.carol.hangups], [EndReason.HANGUP])

    def test_otherIsTransferred(self) -> None:
        """A transfer in the other call is given up."""
        self.carol.partyAnswers(BOTH)
        dave = self.switchboard.target = FakeLeg(id="dave")
        pending = FakeReferral()
        self.other.referred(self.bob2, pending)
        self.join()
        self.assertEqual((pending.news, dave.over), (["accepted", "failed"], True))
        self.assertEqual(self.closings, [self.other])


class ReplaceTests(TransferCase):
    """Dave arrives and wants somebody's place."""

    def setUp(self) -> None:
        super().setUp()
        self.dave = FakeLeg(id="dave")

    def test_replaced(self) -> None:
        """He is answered with what the two speak, Bob is hung up, Alice is not disturbed."""
        self.call.replace(self.bob, self.dave, BOTH)
        self.assertEqual((self.dave.orders, self.dave.answers), (["answer"], [BOTH]))
        self.assertEqual([ending.reason for ending in self.bob.hangups], [EndReason.HANGUP])
        self.assertEqual(self.alice.orders, ["answer"])
        self.assertEqual((self.call.caller, self.call.callee), (self.alice, self.dave))
        self.assertEqual((self.relay.callee, self.relay.others), (self.dave.side, []))
        self.dave.partyHangsUp(BYE)
        self.assertEqual(self.alice.hangups, [BYE])
        self.assertOver()

    def test_caller(self) -> None:
        """The caller's place can be had as well."""
        self.call.replace(self.alice, self.dave, BOTH)
        self.assertEqual((self.call.caller, self.call.callee), (self.dave, self.bob))
        self.assertEqual(self.switchboard.exchanges, [(self.dave, self.bob)])
        self.bob.partyHangsUp()
        self.assertOver()

    def test_formats(self) -> None:
        """Alice is told if Dave has not all that she uses."""
        self.call.replace(self.bob, self.dave, SessionDescription((PCMA,)))
        self.assertEqual(self.alice.updates, [SessionDescription((PCMA,))])

    def test_heldBefore(self) -> None:
        """Alice, whom Bob had put on hold, is told that she is not."""
        self.bob.partyUpdates(evolve(BOTH, direction=Direction.SENDONLY))
        self.call.replace(self.bob, self.dave, BOTH)
        self.assertEqual(self.alice.updates[-1].direction, Direction.SENDRECV)

    def test_suits(self) -> None:
        """Who has nothing in common with the party that stays has no chance; asked before the answer and after."""
        opus = SessionDescription((Codec("opus", 48000, 96, 2),))
        ringing = self.make("2", FakeLeg(), FakeLeg(), FakeRelay())
        ringing.start(SessionDescription((PCMA,)))
        self.assertEqual([self.call.suits(offer) for offer in (BOTH, OFFER, opus)], [True, True, False])
        self.assertEqual([ringing.suits(offer) for offer in (BOTH, OFFER, opus)], [True, False, False])

    def test_pickUp(self) -> None:
        """Before Bob has answered Dave takes the call in his place."""
        bob, alice, relay = FakeLeg(id="bob"), FakeLeg(id="alice"), FakeRelay()
        call = self.make("2", alice, bob, relay)
        call.start(BOTH)
        bob.partyRings()
        call.replace(bob, self.dave, SessionDescription((PCMA,)))
        self.assertEqual((alice.orders, alice.answers), (["ring", "answer"], [SessionDescription((PCMA,))]))
        self.assertEqual((self.dave.orders, self.dave.answers), (["answer"], [BOTH]))
        self.assertEqual([ending.reason for ending in bob.hangups], [EndReason.ANSWERED_ELSEWHERE])
        self.assertEqual(call._parties.agreed, (PCMA,))
        alice.partyHangsUp(BYE)
        self.assertEqual(self.dave.hangups, [BYE])
        self.assertOver(call)

    def test_tooLate(self) -> None:
        """A call that ends, or has ended, is nobody's to take."""
        self.alice.slow = True
        self.bob.partyHangsUp(BUSY)
        self.call.replace(self.bob, self.dave, BOTH)
        self.assertEqual(self.dave.hangups, [BUSY])
        self.alice.partyHangsUp()
        self.assertOver()
        idle = self.make("2", FakeLeg(), FakeLeg(), FakeRelay())
        late = FakeLeg()
        idle.replace(idle.callee, late, BOTH)
        self.assertEqual([ending.reason for ending in late.hangups], [EndReason.DECLINED])

    def test_noPort(self) -> None:
        """Without a port nothing changes."""
        self.relay.full = True
        self.assertRaises(Congested, self.call.replace, self.bob, self.dave, BOTH)
        self.assertEqual((self.dave.orders, self.bob.orders, self.call.callee), ([], ["start"], self.bob))

    def test_endsAtOnce(self) -> None:
        """Dave's leg fails as it is answered: the call is over for Alice, too."""

        class Fails(FakeLeg):
            def answer(self, answer: SessionDescription) -> None:
                self.partyHangsUp(BUSY)

        self.call.replace(self.bob, Fails(), BOTH)
        self.assertEqual(self.alice.hangups, [BUSY])
        self.assertOver()

    def test_referrer(self) -> None:
        """The place of the one that refers is taken: what was tried is given up."""
        referral = self.refer()
        self.call.replace(self.bob, self.dave, BOTH)
        self.assertEqual((referral.news, self.carol.over), (["accepted", "failed"], True))
        self.assertEqual((self.call.callee, self.closings), (self.dave, []))

    def test_peer(self) -> None:
        """The place of the one that is referred is taken: the new one is connected."""
        referral = self.refer()
        self.call.replace(self.alice, self.dave, BOTH)
        self.carol.partyAnswers(BOTH)
        self.assertEqual(referral.news, ["accepted", "succeeded"])
        self.assertEqual((self.call.caller, self.call.callee), (self.dave, self.carol))


class SurrenderTests(TransferCase):
    """A leg goes over to another call."""

    def test_onlyWhoTalks(self) -> None:
        """There is a partner only while two talk."""
        partner = self.call.partner(self.bob)
        assert partner is not None
        self.assertEqual((partner.leg, partner.agreed, partner.heard), (self.alice, (PCMU, PCMA), None))
        self.assertIsNone(self.call.partner(FakeLeg()))
        self.bob.slow = True
        self.alice.partyHangsUp()
        self.assertIsNone(self.call.partner(self.bob))

    def test_everyState(self) -> None:
        """In any state but one it does nothing."""
        for stage in ("idle", "calling", "closed"):
            caller, callee = FakeLeg(), FakeLeg()
            call = self.make(stage, caller, callee, FakeRelay())
            if stage != "idle":
                call.start(OFFER)
            if stage == "closed":
                callee.partyHangsUp()
            before = list(caller.orders)
            call.surrender(callee, BYE)
            self.assertEqual(caller.orders, before)
        self.assertEqual(self.flushLoggedErrors(), [])
