"""Tests for L{ichatgw.calls.nulls}, L{ichatgw.calls.inner} and L{ichatgw.calls.changes}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.calls.changes import Change
from ichatgw.calls.inner import InnerCall
from ichatgw.calls.nulls import NoCall, Unanswered
from ichatgw.interfaces import ICall, IChange, IMessage
from ichatgw.model import Ending, EndReason, Receipt, SessionDescription, Tone
from ichatgw.test.support.fakes import OFFER, FakeCall, FakeLeg, FakeMessage, FakeReferral


class NullTests(SynchronousTestCase):
    """The stand-ins are what they stand for."""

    def test_interfaces(self) -> None:
        """Each provides its interface."""
        verifyObject(ICall, NoCall())
        verifyObject(ICall, InnerCall(FakeLeg()))
        verifyObject(IMessage, Unanswered(Tone("5")))
        verifyObject(IChange, Change(OFFER))

    def test_noCall(self) -> None:
        """Where there is no call, who waits for an answer hears that there is none; news is not heard."""
        leg, message, referral = FakeLeg(call=NoCall()), FakeMessage(), FakeReferral()
        leg.partyRings()
        leg.partyProgresses()
        leg.partyAnswers()
        leg.partySays(message)
        leg.call.referred(leg, referral)
        leg.partyHangsUp()
        self.assertEqual((message.receipts, referral.news, leg.orders), ([None], ["declined"], []))

    def test_unanswered(self) -> None:
        """Who says something without waiting for an answer is not disturbed by one."""
        message = Unanswered(Tone("5"))
        message.undeliverable()
        message.answered(Receipt(200, "OK"))
        self.assertEqual(message.value, Tone("5"))


class ChangeTests(SynchronousTestCase):
    """L{Change}."""

    def test_answer(self) -> None:
        """The answer goes to who has made it, and to nobody if it has not said who that is."""
        agreed: list[SessionDescription] = []
        refused: list[Ending] = []
        change, busy = Change(OFFER, agreed.append, refused.append), Ending(EndReason.BUSY)
        for each in (change, Change(OFFER)):
            each.agree(OFFER)
            each.refuse(busy)
        self.assertEqual((agreed, refused, change.isSettled), ([OFFER], [busy], False))


class InnerCallTests(SynchronousTestCase):
    """L{InnerCall}."""

    def test_news(self) -> None:
        """Whatever the inner leg says, the outer one says, by the name of the real call."""
        outer = FakeLeg(call=(call := FakeCall("7")))
        inner = FakeLeg(call=InnerCall(outer))
        inner.partyRings()
        inner.partyProgresses()
        inner.partyAnswers()
        inner.partyUpdates()
        inner.partyPresses(Tone("5"))
        inner.call.referred(inner, FakeReferral())
        inner.partyHangsUp()
        news = ["ringing", "progressing", "answered", "changed", "handed", "referred", "ended"]
        self.assertEqual((call.news, inner.call.id), (news, "7"))
        self.assertIs(call.endings[0][0], outer)
