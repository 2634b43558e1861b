"""Tests for L{ichatgw.calls.transfer}, and for what L{ichatgw.calls.call} does when one party refers the other."""

from __future__ import annotations

from attrs import evolve
from twisted.logger import capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from ichatgw.calls.nulls import NoCall
from ichatgw.calls.parties import GOODBYE_GRACE
from ichatgw.calls.transfer import TRANSFERRED
from ichatgw.interfaces import ICall, IReferral
from ichatgw.model import CONNECTED, PCMU, Direction, SessionDescription, Tone
from ichatgw.test.support.fakes import OFFER, FakeLeg, FakeReferral
from ichatgw.test.support.media.fakerelays import FakeRelay
from ichatgw.test.support.transfers import BOTH, BUSY, BYE, PCMA, TransferCase


class ReferTests(TransferCase):
    """Bob refers Alice to Carol."""

    def test_interfaces(self) -> None:
        """The target's leg reports to a call, too."""
        self.refer()
        self.assertTrue(verifyObject(ICall, self.carol.call))
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
        """Carol has Bob's place; Bob is told, and has some time to hang up; Alice hears who is there now."""
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
        self.assertEqual((self.alice.orders, self.bob.orders), ([*orders, "hand"], ["start"]))
        self.assertEqual([each.value for each in self.alice.messages], [CONNECTED])
        self.assertEqual(self.call.peer(self.alice), self.carol.party)
        self.assertEqual(self.call.peer(self.carol), self.alice.party)
        self.assertIsNone(self.call.peer(self.bob))
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
        self.clock.advance(GOODBYE_GRACE)
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
        self.assertEqual(self.bob.orders, ["start", "hand"])
        self.clock.advance(GOODBYE_GRACE)
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
        self.clock.advance(GOODBYE_GRACE)
        self.alice.partyHangsUp()
        self.assertOver()

    def test_onlyOne(self) -> None:
        """While one referral is tried another is not, no matter who sends it."""
        self.refer()
        self.assertEqual(self.refer().news, ["declined, busy"])
        self.assertEqual(self.refer(self.alice).news, ["declined, busy"])
        self.carol.partyHangsUp(BUSY)
        self.switchboard.target = FakeLeg()
        self.assertEqual(self.refer().news, ["accepted"])

    def test_nobody(self) -> None:
        """A party without a peer in its call cannot refer."""
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
        NoCall().referred(self.bob, referral)
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
        self.assertEqual(self.alice.orders, ["answer", "hand"])
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
        self.clock.advance(GOODBYE_GRACE)
        self.assertEqual((len(self.alice.refusals), self.alice.orders[-1]), (1, "agree"))

    def test_agreedAnew(self) -> None:
        """The target is offered what the two agreed on last."""
        self.bob.partyUpdates(SessionDescription((PCMA,)))
        self.alice.partyAgrees(SessionDescription((PCMA,)))
        self.refer()
        self.assertEqual(self.carol.offers, [SessionDescription((PCMA,))])
