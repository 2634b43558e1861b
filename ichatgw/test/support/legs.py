# -*- test-case-name: ichatgw.test.test_fakes -*-
# mypy: allow-untyped-calls
"""
What every leg promises, asked of every kind of leg.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from attrs import evolve
from zope.interface.verify import verifyObject

from ichatgw.calls.changes import Change
from ichatgw.calls.nulls import Unanswered
from ichatgw.interfaces import IInboundLeg, ILeg, IOutboundLeg
from ichatgw.model import PCMU, Direction, Ending, EndReason, InCall, SessionDescription, Tone, TransportAddress
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import FakeCall, FakeMessage

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Case
else:
    _Case = object

ANSWER = SessionDescription((PCMU,), TransportAddress("192.0.2.77", 30000))

HELD = evolve(ANSWER, direction=Direction.SENDONLY)

ORDERS: Mapping[str, Callable[[ILeg], None]] = {
    "change": lambda leg: leg.change(Change(HELD)),
    "know": lambda leg: leg.change(Change(ANSWER, isSettled=True)),
    "press": lambda leg: leg.hand(Unanswered(Tone("5"))),
    "hand": lambda leg: leg.hand(FakeMessage()),
    "farewells": lambda leg: None if leg.farewells() else None,
    "hangup": lambda leg: leg.hangup(Ending(EndReason.HANGUP)),
}
"""What every leg can be told."""

INBOUND_ORDERS: Mapping[str, Callable[[IInboundLeg], None]] = {
    "ring": lambda leg: leg.ring(),
    "progress": lambda leg: leg.progress(ANSWER),
    "answer": lambda leg: leg.answer(ANSWER),
}

OUTBOUND_ORDERS: Mapping[str, Callable[[IOutboundLeg], None]] = {"start": lambda leg: leg.start(ANSWER)}


def ordersOf(leg: ILeg) -> Mapping[str, Callable[[Any], None]]:
    """What a leg of this kind can be told."""
    orders: dict[str, Callable[[Any], None]] = dict(ORDERS)
    if IInboundLeg.providedBy(leg):
        orders.update(INBOUND_ORDERS)
    if IOutboundLeg.providedBy(leg):
        orders.update(OUTBOUND_ORDERS)
    return orders


class LegContract(_Case):
    """
    Mixin for a C{SynchronousTestCase}: the same promises asked of every leg in every state.

    Subclasses say how to bring a leg into each of its states, how its party hangs up, and how to let time pass until
    everything is answered.  Each leg reports to a L{FakeCall}.
    """

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        """For each state that a leg can be in before it is over: what makes a fresh leg in that state."""
        raise NotImplementedError

    def partyHangsUp(self, leg: ILeg) -> None:
        """The far end ends the call, in whatever way it has in the leg's state; nothing if the leg is over."""
        raise NotImplementedError

    def settle(self, leg: ILeg) -> None:
        """The network answers all that the leg has asked, and time passes."""

    def assertNothingLeft(self) -> None:
        """No timer, transaction or table entry of a leg that is over remains."""

    def _news(self, leg: ILeg) -> FakeCall:
        return cast(FakeCall, leg.call)

    def _assertOverOnce(self, leg: ILeg, stage: str) -> None:
        self.assertEqual(self._news(leg).news.count("ended"), 1, stage)
        self.assertIs(self._news(leg).endings[0][0], leg, stage)

    def test_leg(self) -> None:
        """It provides L{ILeg}, and one of the two interfaces for those that call and those that are called."""
        for make in self.stages().values():
            leg = make()
            verifyObject(ILeg, leg)
            kinds = [kind for kind in (IInboundLeg, IOutboundLeg) if kind.providedBy(leg)]
            self.assertTrue(kinds)
            for kind in kinds:
                verifyObject(kind, leg)

    def test_notOverByItself(self) -> None:
        """A leg that nobody hangs up has not said C{ended}."""
        for stage, make in self.stages().items():
            self.assertNotIn("ended", self._news(make()).news, stage)

    def test_hangup(self) -> None:
        """In every state a hangup leads to C{ended}, and nothing of the leg remains."""
        for stage, make in self.stages().items():
            leg = make()
            leg.hangup(Ending(EndReason.CANCELLED))
            self.settle(leg)
            self._assertOverOnce(leg, stage)
            self.assertNothingLeft()

    @slow
    def test_hangupForEveryReason(self) -> None:
        """In every state a leg can be ended for every reason."""
        for reason in EndReason:
            for stage, make in self.stages().items():
                leg = make()
                leg.hangup(Ending(reason))
                self.settle(leg)
                self._assertOverOnce(leg, f"{stage}, {reason}")

    def test_hangupTwice(self) -> None:
        """A second hangup changes nothing."""
        for stage, make in self.stages().items():
            leg = make()
            leg.hangup(Ending(EndReason.CANCELLED))
            leg.hangup(Ending(EndReason.SHUTDOWN))
            self.settle(leg)
            self._assertOverOnce(leg, stage)

    def test_partyHangsUp(self) -> None:
        """When the party hangs up the leg ends, and nothing of it remains."""
        for stage, make in self.stages().items():
            leg = make()
            self.partyHangsUp(leg)
            self.settle(leg)
            self._assertOverOnce(leg, stage)
            self.assertNothingLeft()

    def test_endsOnce(self) -> None:
        """When both sides hang up at once, in either order, the call hears of it once."""
        for stage, make in self.stages().items():
            first, second = make(), make()
            first.hangup(Ending(EndReason.HANGUP))
            self.partyHangsUp(first)
            self.partyHangsUp(second)
            second.hangup(Ending(EndReason.HANGUP))
            for leg in (first, second):
                self.settle(leg)
                self._assertOverOnce(leg, stage)

    def test_handed(self) -> None:
        """What a leg is handed is answered once, in every state and after it, and whether its party answers or not."""
        for stage, make in self.stages().items():
            for ends in (False, True):
                leg = make()
                first, last = FakeMessage(), FakeMessage()
                leg.hand(first)
                if not ends:
                    self.settle(leg)
                    self.assertEqual(len(first.receipts), 1, stage)
                leg.hangup(Ending(EndReason.HANGUP))
                self.assertEqual(len(first.receipts), 1, stage)
                self.settle(leg)
                leg.hand(last)
                self.assertEqual((len(first.receipts), last.receipts), (1, [None]), stage)
                self.assertNothingLeft()

    def test_handedUnknown(self) -> None:
        """What a leg has no words for is undeliverable, in every state and after it: a new kind needs no leg but those
        that know it."""
        for stage, make in self.stages().items():
            leg = make()
            first, last = FakeMessage(cast(InCall, object())), FakeMessage(cast(InCall, object()))
            leg.hand(first)
            leg.hangup(Ending(EndReason.HANGUP))
            self.settle(leg)
            leg.hand(last)
            self.assertEqual((first.receipts, last.receipts), ([None], [None]), stage)

    def test_nothingAfterTheEnd(self) -> None:
        """After C{ended} a leg says nothing, whatever it is told and whatever comes from its party."""
        for stage, make in self.stages().items():
            leg = make()
            leg.hangup(Ending(EndReason.HANGUP))
            self.settle(leg)
            before = list(self._news(leg).news)
            for order in ordersOf(leg).values():
                order(leg)
            self.partyHangsUp(leg)
            self.settle(leg)
            self.assertEqual(self._news(leg).news, before, stage)
            self.assertNothingLeft()

    @slow
    def test_neverRaises(self) -> None:
        """In every state every order is taken without an exception, and the leg can still be ended."""
        for stage, make in self.stages().items():
            for name in (*ORDERS, *INBOUND_ORDERS, *OUTBOUND_ORDERS):
                leg = make()
                order = ordersOf(leg).get(name, ORDERS["hangup"])
                order(leg)
                self.settle(leg)
                leg.hangup(Ending(EndReason.HANGUP))
                self.settle(leg)
                self._assertOverOnce(leg, f"{stage}, {name}")
                self.assertNothingLeft()
