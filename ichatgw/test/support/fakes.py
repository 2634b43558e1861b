# -*- test-case-name: ichatgw.test.test_fakes -*-
"""
Stand-ins for the parts around the one under test.  Each provides its interface for real (C{test_fakes} verifies it).
"""

from __future__ import annotations

from itertools import count
from typing import Any, cast

from attrs import define, field
from zope.interface import implementer

from ichatgw.calls.changes import Change
from ichatgw.calls.nulls import Unanswered
from ichatgw.errors import CallError
from ichatgw.interfaces import (
    Arrival,
    IArrivals,
    ICall,
    IChange,
    IDialer,
    IInboundLeg,
    IInvitationMatcher,
    ILeg,
    IMediaSide,
    IMessage,
    IOutboundLeg,
    IReferral,
)
from ichatgw.model import (
    PCMU,
    Enclosed,
    Ending,
    EndReason,
    Farewell,
    InCall,
    Invitation,
    Party,
    Receipt,
    SessionDescription,
    Tone,
)
from ichatgw.test.support.media.fakerelays import FakeSide

OFFER = SessionDescription((PCMU,))
_numbers = count(1)


@implementer(ICall)
@define(eq=False)
class FakeCall:
    """
    Remembers the news.

    @ivar news: the names of what legs said, in order: C{"ringing"}, C{"progressing"}, C{"answered"} and so on.
    @ivar answers: the descriptions that came with C{progressing} and C{answered}.
    @ivar updates: what came with C{changed}.
    @ivar changes: those that the test has not answered yet.
    @ivar agreements: the answers to what legs were told by L{tell}; C{"agreed"} is among the news then.
    @ivar refusals: the same, for C{"refused"}.
    @ivar tones: the keys pressed.
    @ivar endings: who ended, and how.
    @ivar referrals: what came with C{referred}.
    @ivar takes: what comes with C{handed} is kept, but for keys; else it is not taken.
    @ivar messages: what was kept.
    @ivar other: who is at the other end.
    """

    id: str = "call-1"
    news: list[str] = field(factory=list)
    answers: list[SessionDescription] = field(factory=list)
    updates: list[SessionDescription] = field(factory=list)
    changes: list[IChange] = field(factory=list)
    agreements: list[SessionDescription] = field(factory=list)
    refusals: list[Ending] = field(factory=list)
    tones: list[Tone] = field(factory=list)
    endings: list[tuple[ILeg, Ending]] = field(factory=list)
    referrals: list[IReferral] = field(factory=list)
    takes: bool = False
    messages: list[IMessage] = field(factory=list)
    other: Party | None = None

    def peer(self, leg: ILeg) -> Party | None:
        return self.other

    def ringing(self, leg: ILeg) -> None:
        self.news.append("ringing")

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        self.news.append("progressing")
        self.answers.append(answer)

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        self.news.append("answered")
        self.answers.append(answer)

    def changed(self, leg: ILeg, change: IChange) -> None:
        self.news.append("changed")
        self.updates.append(change.offer)
        self.changes.append(change)

    def tell(self, leg: ILeg, offer: SessionDescription) -> None:
        """Let C{leg} hear that the other party speaks C{offer} now."""
        leg.change(Change(offer, self._agreed, self._refused))

    def agree(self, leg: ILeg, answer: SessionDescription) -> None:
        """The other party goes along with the latest change of C{leg}, or says by itself what it speaks."""
        if self.changes:
            self.changes.pop().agree(answer)
        else:
            leg.change(Change(answer, isSettled=True))

    def refuse(self, ending: Ending) -> None:
        """It does not, if there is one."""
        if self.changes:
            self.changes.pop().refuse(ending)

    def _agreed(self, answer: SessionDescription) -> None:
        self.news.append("agreed")
        self.agreements.append(answer)

    def _refused(self, ending: Ending) -> None:
        self.news.append("refused")
        self.refusals.append(ending)

    def handed(self, leg: ILeg, message: IMessage) -> None:
        self.news.append("handed")
        if isinstance(message.value, Tone):
            self.tones.append(message.value)
        elif self.takes:
            self.messages.append(message)
        else:
            message.undeliverable()

    def referred(self, leg: ILeg, referral: IReferral) -> None:
        self.news.append("referred")
        self.referrals.append(referral)

    def ended(self, leg: ILeg, ending: Ending) -> None:
        self.news.append("ended")
        self.endings.append((leg, ending))

    @property
    def reasons(self) -> list[EndReason]:
        """Why legs ended, in order."""
        return [ending.reason for _, ending in self.endings]


@implementer(IMessage)
@define(eq=False)
class FakeMessage:
    """
    Remembers the answers.

    @ivar receipts: what it was told, C{None} for undeliverable.
    """

    value: InCall = Enclosed("MESSAGE", "text/plain", "Hi!")
    receipts: list[Receipt | None] = field(factory=list)

    def answered(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)

    def undeliverable(self) -> None:
        self.receipts.append(None)


@implementer(IReferral)
@define(eq=False)
class FakeReferral:
    """
    Remembers what becomes of it.

    @ivar news: the names of what it was told, in order.
    @ivar endings: why it failed.
    @ivar legs: those that were dialled for it.
    @ivar refusal: raised then, if given.
    """

    called: str = "sip:carol@gw.example"
    by: str = "sip:bob@example.net"
    joins: ILeg | None = None
    news: list[str] = field(factory=list)
    endings: list[Ending] = field(factory=list)
    legs: list[ILeg] = field(factory=list)
    refusal: CallError | None = None

    def dialled(self, leg: IOutboundLeg) -> None:
        self.legs.append(leg)
        if self.refusal is not None:
            raise self.refusal

    def accepted(self) -> None:
        self.news.append("accepted")

    def declined(self, busy: bool = False) -> None:
        self.news.append("declined, busy" if busy else "declined")

    def rang(self) -> None:
        self.news.append("rang")

    def succeeded(self) -> None:
        self.news.append("succeeded")

    def failed(self, ending: Ending) -> None:
        self.news.append("failed")
        self.endings.append(ending)


@implementer(IInboundLeg, IOutboundLeg)
@define(eq=False)
class FakeLeg:
    """
    A leg that remembers its orders, be it the caller's or the callee's; the test plays its party through C{partyRings}
    and the like.

    @ivar orders: the names of the orders it got, in order.
    @ivar updates: the other party's media that it was told of.
    @ivar changes: the same, as far as the test has not answered it.
    @ivar refusals: why the other party did not go along; C{"refuse"} is among the orders then, or else C{"agree"}.
    @ivar tones: the keys that it was told of.
    @ivar messages: what else it was handed.
    @ivar takes: the test answers what the leg is handed; else it is undeliverable.
    @ivar hangups: the endings it was told.
    @ivar slow: whether C{ended} waits for C{partyHangsUp} after a hangup.
    @ivar stillborn: if given, the leg ends so within its C{start}.
    """

    party: Party = Party("sip:bob@example.net", "Bob")
    slow: bool = False
    stillborn: Ending | None = None
    kind: str = "fake"
    trail: str = ""
    id: str = field(factory=lambda: f"fake-{next(_numbers)}")
    call: ICall = field(factory=FakeCall)
    side: IMediaSide = field(factory=FakeSide)
    orders: list[str] = field(factory=list)
    offers: list[SessionDescription] = field(factory=list)
    answers: list[SessionDescription] = field(factory=list)
    updates: list[SessionDescription] = field(factory=list)
    refusals: list[Ending] = field(factory=list)
    tones: list[Tone] = field(factory=list)
    hangups: list[Ending] = field(factory=list)
    changes: list[IChange] = field(factory=list)
    messages: list[IMessage] = field(factory=list)
    takes: bool = False
    isTaken: bool = False
    over: bool = False

    def start(self, offer: SessionDescription) -> None:
        self.orders.append("start")
        self.offers.append(offer)
        if self.stillborn is not None:
            self.partyHangsUp(self.stillborn)

    def ring(self) -> None:
        self.orders.append("ring")

    def progress(self, answer: SessionDescription) -> None:
        self.orders.append("progress")
        self.answers.append(answer)

    def answer(self, answer: SessionDescription) -> None:
        self.orders.append("answer")
        self.answers.append(answer)

    def change(self, change: IChange) -> None:
        if change.isSettled:
            self._agreed(change.offer)
        else:
            self.orders.append("change")
            self.updates.append(change.offer)
            self.changes.append(change)

    def _agreed(self, answer: SessionDescription) -> None:
        self.orders.append("agree")
        self.answers.append(answer)

    def _refused(self, ending: Ending) -> None:
        self.orders.append("refuse")
        self.refusals.append(ending)

    def hand(self, message: IMessage) -> None:
        self.orders.append("hand")
        if isinstance(message.value, Tone):
            self.tones.append(message.value)
            return
        self.messages.append(message)
        if self.over or not self.takes:
            message.undeliverable()

    def farewells(self) -> tuple[Farewell, ...]:
        return () if self.over else ((self.id,),)

    def hangup(self, ending: Ending) -> None:
        self.orders.append("hangup")
        self.hangups.append(ending)
        if not self.slow:
            self.partyHangsUp(ending)

    def partyRings(self) -> None:
        self.call.ringing(self)

    def partyProgresses(self, answer: SessionDescription = OFFER) -> None:
        self.call.progressing(self, answer)

    def partyAnswers(self, answer: SessionDescription = OFFER) -> None:
        self.call.answered(self, answer)

    def partyUpdates(self, offer: SessionDescription = OFFER) -> None:
        self.call.changed(self, Change(offer, self._agreed, self._refused))

    def partyAgrees(self, answer: SessionDescription = OFFER) -> None:
        """To the latest change that it was told of, if there is one."""
        if self.changes:
            self.changes.pop().agree(answer)

    def partyRefuses(self, ending: Ending) -> None:
        """The same."""
        if self.changes:
            self.changes.pop().refuse(ending)

    def partyPresses(self, tone: Tone) -> None:
        self.call.handed(self, Unanswered(tone))

    def partySays(self, message: IMessage) -> None:
        self.call.handed(self, message)

    def partyHangsUp(self, ending: Ending | None = None) -> None:
        """The leg is over, once."""
        if not self.over:
            self.over = True
            self.call.ended(self, ending or Ending(EndReason.HANGUP))


def tell(leg: ILeg, offer: SessionDescription) -> None:
    """Let a leg that reports to a L{FakeCall} hear what the other party speaks now."""
    cast(FakeCall, leg.call).tell(leg, offer)


def agree(leg: ILeg, answer: SessionDescription) -> None:
    """See L{FakeCall.agree}."""
    cast(FakeCall, leg.call).agree(leg, answer)


def refuse(leg: ILeg, ending: Ending) -> None:
    """See L{FakeCall.refuse}."""
    cast(FakeCall, leg.call).refuse(ending)


@implementer(IDialer)
@define(eq=False)
class FakeDialer:
    """
    Makes L{FakeLeg}s.

    @ivar dialled: what was asked for.
    @ivar legs: what it made.
    @ivar error: raised instead of making a leg.
    @ivar slow: given to the legs, like C{stillborn}.
    """

    error: Exception | None = None
    slow: bool = False
    stillborn: Ending | None = None
    dialled: list[tuple[str, Party]] = field(factory=list)
    legs: list[FakeLeg] = field(factory=list)

    def dial(self, called: str, caller: Party) -> FakeLeg:
        self.dialled.append((called, caller))
        if self.error is not None:
            raise self.error
        leg = FakeLeg(Party(called), slow=self.slow, stillborn=self.stillborn)
        self.legs.append(leg)
        return leg


@implementer(IArrivals)
@define(eq=False)
class FakeArrivals:
    """
    Takes what arrives and gives each leg a L{FakeCall} and a L{FakeSide}, as the switch would.

    @ivar arrivals: leg, called address and offer of each.
    @ivar whole: all that was said of each.
    """

    arrivals: list[tuple[IInboundLeg, str, SessionDescription]] = field(factory=list)
    calls: list[FakeCall] = field(factory=list)
    whole: list[Arrival] = field(factory=list)

    def arrived(self, leg: IInboundLeg, arrival: Arrival) -> None:
        call = FakeCall(f"call-{len(self.calls) + 1}")
        leg.call = call
        leg.side = FakeSide()
        self.calls.append(call)
        self.arrivals.append((leg, arrival.called, arrival.offer))
        self.whole.append(arrival)


def arrivalOf(leg: ILeg, called: str, offer: SessionDescription = OFFER, **more: Any) -> Arrival:
    """The call of a leg as it arrives."""
    return Arrival(leg.party, called, offer, **more)


@implementer(IInvitationMatcher)
@define(eq=False)
class FakeMatcher:
    """
    Remembers the INVITEs.

    @ivar mine: the User-Agent of those that it claims.
    @ivar refusal: why those of strangers are refused; C{None} if they are waited for.
    """

    mine: str = "Viceroy 1.4.1"
    invitations: list[tuple[IInboundLeg, Invitation]] = field(factory=list)
    refusal: Ending | None = None

    def claims(self, invitation: Invitation) -> bool:
        return invitation.userAgent == self.mine

    def objection(self, invitation: Invitation) -> Ending | None:
        return self.refusal

    def invited(self, leg: IInboundLeg, invitation: Invitation) -> None:
        self.invitations.append((leg, invitation))
