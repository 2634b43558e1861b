# -*- test-case-name: ichatgw.test.ichat.test_inbound,ichatgw.test.ichat.test_contract -*-
"""
A leg from an iChat that calls.

::

    waiting --answer--> accepted --invited--> talking --hangup--> ending
       |                    |                    |                   |
       `--------------------+------ over <-------+-------------------'

In C{waiting} the iChat has asked and shows its user that it is calling; in C{accepted} it knows our addresses, and
its INVITE is due.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import ClassVar, Protocol, cast

from attrs import define, evolve, field
from automat import TypeMachineBuilder
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from zope.interface import implementer

from ichatgw.calls.nulls import NoCall
from ichatgw.ichat.connectdata import AddressRecord
from ichatgw.ichat.farewells import declined
from ichatgw.ichat.leg import IChatLeg, InnerNews, Inside, judge
from ichatgw.ichat.reasons import TO_RESPONSE
from ichatgw.ichat.stanzas import ACCEPT, VCResponse, VCStanza
from ichatgw.interfaces import ICall, IChange, IInboundLeg, IMediaSide
from ichatgw.model import ANY_PACKING, Ending, EndReason, Farewell, Party, SessionDescription
from ichatgw.observe.events import pair
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.machines import indexed
from ichatgw.runtime.nulls import Over, unheard

_log = Logger()
_numbers = count(1)


class InboundLink(Protocol):
    """What carries the leg's stanzas, and what comes for it."""

    def send(self, stanza: VCStanza) -> None:
        """Send it, if the link is up."""

    def claimed(self, leg: InboundLeg, callId: str) -> None:
        """
        C{leg} has the INVITE it waited for: a new request of the same caller would be another call.

        @param callId: that of the INVITE.
        """

    def over(self, leg: InboundLeg) -> None:
        """C{leg} has ended: forget it."""


class Inputs(InnerNews, Protocol):
    """What can happen to the leg, besides the news of its inner leg."""

    def answer(self, answer: SessionDescription) -> None: ...

    def hangup(self, ending: Ending) -> None: ...

    def repeated(self) -> None:
        """The iChat asked again."""

    def cancelled(self, ending: Ending) -> None:
        """The iChat gave up, or is gone, before its INVITE came."""

    def invited(self, inner: IInboundLeg) -> None:
        """The iChat's INVITE has come; C{inner} is its leg."""


@implementer(IInboundLeg)
@define(eq=False, kw_only=True)
class InboundLeg(IChatLeg):
    """
    The side of an iChat that calls.

    It owns its inner leg from the moment its link gives it the iChat's INVITE.

    @ivar caller: the full address of the iChat.
    @ivar called: the bare address that it calls, one of ours.
    @ivar records: where the iChat says it is.
    @ivar inviteTimeout: seconds that an accepted iChat has to send its INVITE.
    """

    caller: JID
    called: JID
    records: tuple[AddressRecord, ...]
    link: InboundLink
    clock: IReactorTime
    ourRecords: Callable[[], tuple[AddressRecord, ...]]
    inviteTimeout: float
    kind: ClassVar[str] = "ichat"
    trail: str = field(init=False)
    id: str = field(init=False, factory=lambda: f"from-ichat-{next(_numbers)}")
    party: Party = field(init=False)
    call: ICall = field(init=False, factory=NoCall)
    side: IMediaSide = field(init=False)
    machine: Inputs = field(init=False)
    _answer: SessionDescription = field(init=False)
    _inner: IInboundLeg | None = field(init=False, default=None)
    _timer: IDelayedCall | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.party = Party(f"xmpp:{self.caller.userhost()}", self.caller.user or "")
        self.trail = pair(self.caller.full(), self.called.full())
        self.machine = _makeMachine(self)

    @property
    def awaitsInvite(self) -> bool:
        """Is the iChat's INVITE due?"""
        return self._timer is not None

    # There is no stanza for either; an iChat that has asked shows "calling" until it gets its response.
    ring = progress = unheard

    def answer(self, answer: SessionDescription) -> None:
        self.machine.answer(answer)

    def change(self, change: IChange) -> None:
        if not isinstance(self.machine, Over):
            judge(change, self._inner)  # its INVITE may be still to come

    def farewells(self) -> tuple[Farewell, ...]:
        """See L{ichatgw.interfaces.ILeg}."""
        if isinstance(self.machine, Over):
            return ()
        return (declined(self.called, self.caller),) if self._inner is None else self._inner.farewells()


def _expectInvite(leg: InboundLeg, answer: SessionDescription) -> None:
    # Of the other party's wishes an iChat is told nothing: none has ever been seen to ask for them.
    leg._answer = evolve(answer, packing=ANY_PACKING, parts=())
    leg._timer = leg.clock.callLater(
        leg.inviteTimeout,
        leg.machine.cancelled,
        Ending(EndReason.CONNECTIVITY, "the iChat never sent its INVITE"),
    )
    _log.info("call={call} leg={leg} accepted, awaits the INVITE of {user!r:.120}", **_names(leg))
    _accept(leg)


def _accept(leg: InboundLeg) -> None:
    leg.link.send(VCResponse(leg.caller, leg.called, ACCEPT, leg.ourRecords()))


def _refuse(leg: InboundLeg, ending: Ending) -> None:
    leg.link.send(VCResponse(leg.caller, leg.called, TO_RESPONSE[ending.reason]))


def _take(leg: InboundLeg, inner: IInboundLeg) -> None:
    """The INVITE is here: from now on the party is reached through the inner leg."""
    _stopTimer(leg)
    leg.link.claimed(leg, inner.trail)
    leg._inner = inner
    inner.call = Inside(leg, leg.machine)
    inner.side = leg.side
    _log.info("call={call} leg={leg} is talking to {user!r:.120}", **_names(leg))
    inner.answer(leg._answer)


def _hangupInner(leg: InboundLeg, ending: Ending) -> None:
    if leg._inner is not None:
        leg._inner.hangup(ending)


def _stopTimer(leg: InboundLeg) -> None:
    cancel(leg._timer)
    leg._timer = None


def _finish(leg: InboundLeg, ending: Ending) -> None:
    """Nothing of the leg remains, and its call knows."""
    _stopTimer(leg)
    leg._inner = None
    leg.link.over(leg)
    _log.debug(
        "call={call} leg={leg} from {user!r:.120} ended: {reason} {text!r:.80}",
        reason=ending.reason.name.lower(),
        text=ending.text,
        **_names(leg),
    )
    leg.machine = cast(Inputs, _Over(leg.call.id))
    leg.call.ended(leg, ending)


def _names(leg: InboundLeg) -> dict[str, str]:
    return {"call": leg.call.id, "leg": leg.id, "user": leg.caller.userhost()}


@define(eq=False)
class _Over(Over):
    """An INVITE that comes too late has to be told so."""

    callId: str

    def invited(self, inner: IInboundLeg) -> None:
        """See L{Inputs}."""
        _turnAway(inner, self.callId)


def _turnAway(inner: IInboundLeg, callId: str) -> None:
    """An INVITE that comes at the wrong moment never becomes a call."""
    inner.call = NoCall(callId)
    inner.hangup(Ending(EndReason.UNAVAILABLE, "not the time for an INVITE"))


def _build() -> Callable[[InboundLeg], Inputs]:  # noqa: C901  (a whole machine: its states and inputs)
    """The machine.  What is late but lawful in a state is listed at the end."""
    builder = TypeMachineBuilder(Inputs, InboundLeg)
    waiting = builder.state("waiting")
    accepted = builder.state("accepted")
    talking = builder.state("talking")
    ending_ = builder.state("ending")
    over = builder.state("over")

    @waiting.upon(Inputs.answer).to(accepted)
    def answer(machine: Inputs, leg: InboundLeg, answer: SessionDescription) -> None:
        _expectInvite(leg, answer)

    @waiting.upon(Inputs.hangup).to(over)
    def refuse(machine: Inputs, leg: InboundLeg, ending: Ending) -> None:
        _refuse(leg, ending)
        _finish(leg, ending)

    @accepted.upon(Inputs.repeated).loop()
    def repeated(machine: Inputs, leg: InboundLeg) -> None:
        _accept(leg)

    @accepted.upon(Inputs.invited).to(talking)
    def invited(machine: Inputs, leg: InboundLeg, inner: IInboundLeg) -> None:
        _take(leg, inner)

    @waiting.upon(Inputs.invited).loop()
    @talking.upon(Inputs.invited).loop()
    @ending_.upon(Inputs.invited).loop()
    @over.upon(Inputs.invited).loop()
    def turnAway(machine: Inputs, leg: InboundLeg, inner: IInboundLeg) -> None:
        _turnAway(inner, leg.call.id)

    @talking.upon(Inputs.hangup).to(ending_)
    def hangupInner(machine: Inputs, leg: InboundLeg, ending: Ending) -> None:
        _hangupInner(leg, ending)

    @waiting.upon(Inputs.cancelled).to(over)
    @accepted.upon(Inputs.cancelled).to(over)
    @accepted.upon(Inputs.hangup).to(over)
    @talking.upon(Inputs.innerEnded).to(over)
    @ending_.upon(Inputs.innerEnded).to(over)
    def finish(machine: Inputs, leg: InboundLeg, ending: Ending) -> None:
        _finish(leg, ending)

    for state in (accepted, talking, ending_, over):
        state.upon(Inputs.answer).loop().returns(None)
    for state in (ending_, over):
        state.upon(Inputs.hangup).loop().returns(None)
    for state in (waiting, talking, ending_, over):
        state.upon(Inputs.repeated).loop().returns(None)
    for state in (talking, ending_, over):
        state.upon(Inputs.cancelled).loop().returns(None)
        state.upon(Inputs.innerRang).loop().returns(None)
        state.upon(Inputs.innerProgressed).loop().returns(None)
        state.upon(Inputs.innerAnswered).loop().returns(None)
    over.upon(Inputs.innerEnded).loop().returns(None)
    return indexed(builder.build())


_makeMachine = _build()
