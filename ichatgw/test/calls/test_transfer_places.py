"""Legs that take the place of others: calls are joined, parties are replaced, legs go over to another call."""

from __future__ import annotations

from attrs import evolve

from ichatgw.calls.call import CLOSING_TIMEOUT
from ichatgw.calls.parties import GOODBYE_GRACE
from ichatgw.calls.transfer import TRANSFERRED
from ichatgw.errors import Congested
from ichatgw.interfaces import ILeg
from ichatgw.model import PCMU, Codec, Direction, EndReason, SessionDescription
from ichatgw.test.support.fakes import OFFER, FakeLeg, FakeReferral
from ichatgw.test.support.media.fakerelays import FakeRelay
from ichatgw.test.support.transfers import BOTH, BUSY, BYE, PCMA, TransferCase

G722 = Codec("G722", 8000, 9)


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
        self.clock.advance(GOODBYE_GRACE)
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
        referral = self.join(SessionDescription((G722,)))
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
        """He is answered with what the two speak, Bob is hung up, and Alice hears who is there now."""
        self.call.replace(self.bob, self.dave, BOTH)
        self.assertEqual((self.dave.orders, self.dave.answers), (["answer"], [BOTH]))
        self.assertEqual([ending.reason for ending in self.bob.hangups], [EndReason.HANGUP])
        self.assertEqual(self.alice.orders, ["answer", "hand"])
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
        ringing.start(SessionDescription((G722,)))
        self.assertEqual([self.call.suits(offer) for offer in (BOTH, OFFER, opus)], [True, True, False])
        self.assertEqual([ringing.suits(offer) for offer in (BOTH, OFFER, opus)], [False, False, False])

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

    def test_silent(self) -> None:
        """The one that is left may never say that it is over: it is written off, and the ports are given back."""
        self.alice.slow = True
        self.call.surrender(self.bob, BYE)
        self.clock.advance(CLOSING_TIMEOUT - 0.1)
        self.assertEqual(self.closings, [])
        self.clock.advance(0.2)
        self.assertOver()
        self.assertEqual(self.relay.closed, 1)

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
