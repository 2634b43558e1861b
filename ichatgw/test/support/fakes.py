# -*- test-case-name: ichatgw.test.test_fakes -*-
"""
Stand-ins for the parts around the one under test.  Each provides its interface for real (C{test_fakes} verifies it).
"""

from __future__ import annotations

from itertools import count

from attrs import define, field
from zope.interface import implementer

from ichatgw.interfaces import IArrivals, ICall, IDialer, IEnclosure, IInvitations, ILeg, IMediaSide, IReferral
from ichatgw.model import PCMU, Enclosed, Ending, EndReason, Invitation, Party, Receipt, SessionDescription, Tone
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
    @ivar updates: what came with C{updated}.
    @ivar agreements: what came with C{agreed}.
    @ivar refusals: what came with C{refused}.
    @ivar tones: the keys pressed.
    @ivar endings: who ended, and how.
    @ivar referrals: what came with C{referred}.
    @ivar takes: what comes with C{handed} is kept; else nobody takes it.
    @ivar enclosures: what was kept.
    """

    id: str = "call-1"
    news: list[str] = field(factory=list)
    answers: list[SessionDescription] = field(factory=list)
    updates: list[SessionDescription] = field(factory=list)
    agreements: list[SessionDescription] = field(factory=list)
    refusals: list[Ending] = field(factory=list)
    tones: list[Tone] = field(factory=list)
    endings: list[tuple[ILeg, Ending]] = field(factory=list)
    referrals: list[IReferral] = field(factory=list)
    takes: bool = False
    enclosures: list[IEnclosure] = field(factory=list)

    def ringing(self, leg: ILeg) -> None:
        self.news.append("ringing")

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        self.news.append("progressing")
        self.answers.append(answer)

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        self.news.append("answered")
        self.answers.append(answer)

    def updated(self, leg: ILeg, offer: SessionDescription) -> None:
        self.news.append("updated")
        self.updates.append(offer)

    def agreed(self, leg: ILeg, answer: SessionDescription) -> None:
        self.news.append("agreed")
        self.agreements.append(answer)

    def refused(self, leg: ILeg, ending: Ending) -> None:
        self.news.append("refused")
        self.refusals.append(ending)

    def info(self, leg: ILeg, tone: Tone) -> None:
        self.news.append("info")
        self.tones.append(tone)

    def handed(self, leg: ILeg, enclosure: IEnclosure) -> None:
        self.news.append("handed")
        if self.takes:
            self.enclosures.append(enclosure)
        else:
            enclosure.undeliverable()

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


@implementer(IEnclosure)
@define(eq=False)
class FakeEnclosure:
    """
    Remembers the answers.

    @ivar receipts: what it was told, C{None} for undeliverable.
    """

    enclosed: Enclosed = Enclosed("MESSAGE", "text/plain", "Hi!")
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
    """

    called: str = "sip:carol@gw.example"
    by: str = "sip:bob@example.net"
    joins: ILeg | None = None
    replaces: str = ""
    news: list[str] = field(factory=list)
    endings: list[Ending] = field(factory=list)

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


@implementer(ILeg)
@define(eq=False)
class FakeLeg:
    """
    A leg that remembers its orders; the test plays its party through C{partyRings} and the like.

    @ivar orders: the names of the orders it got, in order.
    @ivar updates: the other party's media that it was told of.
    @ivar refusals: what it was told with C{refuse}.
    @ivar tones: the keys that it was told of.
    @ivar enclosures: what it was handed.
    @ivar takes: the test answers what the leg is handed; else it is undeliverable.
    @ivar hangups: the endings it was told.
    @ivar slow: whether C{ended} waits for C{partyHangsUp} after a hangup.
    @ivar stillborn: if given, the leg ends so within its C{start}.
    """

    party: Party = Party("sip:bob@example.net", "Bob")
    slow: bool = False
    stillborn: Ending | None = None
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
    enclosures: list[IEnclosure] = field(factory=list)
    takes: bool = False
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

    def update(self, offer: SessionDescription) -> None:
        self.orders.append("update")
        self.updates.append(offer)

    def agree(self, answer: SessionDescription) -> None:
        self.orders.append("agree")
        self.answers.append(answer)

    def refuse(self, ending: Ending) -> None:
        self.orders.append("refuse")
        self.refusals.append(ending)

    def info(self, tone: Tone) -> None:
        self.orders.append("info")
        self.tones.append(tone)

    def hand(self, enclosure: IEnclosure) -> None:
        self.orders.append("hand")
        self.enclosures.append(enclosure)
        if self.over or not self.takes:
            enclosure.undeliverable()

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
        self.call.updated(self, offer)

    def partyAgrees(self, answer: SessionDescription = OFFER) -> None:
        self.call.agreed(self, answer)

    def partyRefuses(self, ending: Ending) -> None:
        self.call.refused(self, ending)

    def partyPresses(self, tone: Tone) -> None:
        self.call.info(self, tone)

    def partyHands(self, enclosure: IEnclosure) -> None:
        self.call.handed(self, enclosure)

    def partyHangsUp(self, ending: Ending | None = None) -> None:
        """The leg is over, once."""
        if not self.over:
            self.over = True
            self.call.ended(self, ending or Ending(EndReason.HANGUP))


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

    def dial(self, called: str, caller: Party) -> ILeg:
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
    """

    arrivals: list[tuple[ILeg, str, SessionDescription]] = field(factory=list)
    calls: list[FakeCall] = field(factory=list)

    def arrived(self, leg: ILeg, called: str, offer: SessionDescription) -> None:
        call = FakeCall(f"call-{len(self.calls) + 1}")
        leg.call = call
        leg.side = FakeSide()
        self.calls.append(call)
        self.arrivals.append((leg, called, offer))


NOT_ALLOWED = Ending(EndReason.FORBIDDEN, "not among AllowedSIPPeers")


@implementer(IInvitations)
@define(eq=False)
class FakeInvitations:
    """
    Remembers the INVITEs.

    @ivar refusal: why those of strangers are refused; C{None} if they are waited for.
    """

    invitations: list[tuple[ILeg, str, SessionDescription, Invitation]] = field(factory=list)
    refusal: Ending | None = NOT_ALLOWED

    def invited(self, leg: ILeg, called: str, offer: SessionDescription, invitation: Invitation) -> None:
        self.invitations.append((leg, called, offer, invitation))

    def objection(self, invitation: Invitation) -> Ending | None:
        return self.refusal
