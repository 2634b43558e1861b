"""Transfers that come to nothing, and calls that end while there is one."""

from __future__ import annotations

from attrs import evolve

from ichatgw.calls.call import CLOSING_TIMEOUT, Call
from ichatgw.calls.parties import GOODBYE_GRACE
from ichatgw.calls.transfer import TRANSFERRED
from ichatgw.errors import Congested, NoRoute
from ichatgw.interfaces import IChange
from ichatgw.model import Direction, Ending, EndReason
from ichatgw.test.support.fakes import OFFER, FakeLeg, FakeReferral
from ichatgw.test.support.media.fakerelays import FakeRelay
from ichatgw.test.support.transfers import BOTH, BUSY, BYE, TransferCase


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
        transfer = self.carol.call
        self.carol.partyHangsUp(BUSY)
        transfer.answered(self.carol, BOTH)
        transfer.ended(self.carol, BUSY)
        self.assertEqual((self.call.callee, self.closings), (self.bob, []))
        self.assertEqual(self.flushLoggedErrors(), [])


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
        self.clock.advance(GOODBYE_GRACE)
        self.alice.partyHangsUp(BYE)
        self.assertEqual(self.bob.hangups, [TRANSFERRED])
        self.clock.advance(CLOSING_TIMEOUT)
        self.assertOver()

    def test_failure(self) -> None:
        """An exception of ours ends all legs of the call, the target's too."""

        class Breaks(FakeLeg):
            def change(self, change: IChange) -> None:
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
