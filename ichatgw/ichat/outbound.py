# -*- test-case-name: ichatgw.test.ichat.test_outbound,ichatgw.test.ichat.test_ringing,ichatgw.test.ichat.test_contract -*-  # noqa: E501
"""
A leg towards an iChat.

::

    fresh --start--> proceeding --ring--> ringing --accepted--> inviting --answered--> talking
                         |                   |                     |                      |
                         `-------------------+---- over <----------+------- ending <------'

In C{proceeding} no iChat of the user is known yet; in C{ringing} at least one has been asked.  An iChat that accepts
names its addresses, and the inner leg then calls it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import ClassVar, Protocol, cast

from attrs import define, field
from automat import TypeMachineBuilder
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from zope.interface import implementer

from ichatgw.calls.nulls import NoCall
from ichatgw.errors import CallError, Congested
from ichatgw.ichat.connectdata import AddressRecord
from ichatgw.ichat.farewells import cancelled
from ichatgw.ichat.leg import IChatLeg, InnerNews, Inside, PresenceView, judge
from ichatgw.ichat.options import IChatOptions
from ichatgw.ichat.selection import callerName, select
from ichatgw.ichat.stanzas import VCCancel, VCRequest, VCStanza
from ichatgw.interfaces import ICall, IChange, IDialer, IMediaSide, IOutboundLeg
from ichatgw.model import PCMU, Ending, EndReason, Farewell, Party, SessionDescription
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.machines import indexed
from ichatgw.runtime.nulls import Over
from ichatgw.xmpp.stanzas import bareJID

_log = Logger()
_numbers = count(1)


class OutboundLink(Protocol):
    """What carries the leg's stanzas, and what comes for it."""

    def send(self, stanza: VCStanza) -> None:
        """Send it, if the link is up."""

    def enrol(self, leg: OutboundLeg, callee: JID, name: str) -> JID:
        """
        Let C{leg} have what comes from C{callee} from now on.

        @param callee: the bare address of the user that is called.
        @param name: the user part under which the caller would like to be shown; may be empty.
        @return: the caller's address, which no other live call to that user has.
        @raise Congested: if there is none left.
        """

    def over(self, leg: OutboundLeg) -> None:
        """C{leg} has ended: forget it."""


class Inputs(InnerNews, Protocol):
    """What can happen to the leg, besides the news of its inner leg."""

    def start(self, offer: SessionDescription) -> None: ...

    def hangup(self, ending: Ending) -> None: ...

    def available(self) -> None:
        """An iChat of the user has come online, or can be called again."""

    def gone(self, jid: JID, ending: Ending) -> None:
        """An iChat, or with a bare address all of them, cannot be reached any more."""

    def unreachable(self, ending: Ending) -> None:
        """The user's server, or the user, does not tell us of any iChat."""

    def accepted(self, jid: JID, records: Sequence[AddressRecord]) -> None: ...

    def declined(self, jid: JID) -> None: ...

    def ring(self, targets: Sequence[JID]) -> None:
        """Ask these iChats."""

    def invite(self, record: AddressRecord) -> None:
        """Call the iChat that accepted."""

    def fail(self, ending: Ending) -> None:
        """The call came to nothing before an iChat accepted."""

    def failInvite(self, ending: Ending) -> None:
        """The inner leg could not even be made."""


@implementer(IOutboundLeg)
@define(eq=False, kw_only=True)
class OutboundLeg(IChatLeg):
    """
    Rings the iChats of a user, and calls the one that accepts.

    It owns what it asked of each iChat, and its inner leg.  What comes from the user it gets from its link.

    @ivar callee: whom to call: a bare address, or a full one to call that iChat only.
    @ivar caller: who calls.
    @ivar control: the gateway's own address, shown to an iChat before it is asked.
    @ivar options: how it is made.
    """

    callee: JID
    caller: Party
    control: JID
    link: OutboundLink
    presence: PresenceView
    dialer: IDialer
    clock: IReactorTime
    options: IChatOptions
    kind: ClassVar[str] = "ichat"
    id: str = field(init=False, factory=lambda: f"to-ichat-{next(_numbers)}")
    party: Party = field(init=False)
    call: ICall = field(init=False, factory=NoCall)
    side: IMediaSide = field(init=False)
    machine: Inputs = field(init=False)
    isTaken: bool = field(init=False, default=False)
    _sender: JID = field(init=False)
    _asked: set[JID] = field(init=False, factory=set)
    _pending: dict[JID, None] = field(init=False, factory=dict)
    _inner: IOutboundLeg | None = field(init=False, default=None)
    _timer: IDelayedCall | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.party = Party(f"xmpp:{self.callee.userhost()}")
        self.machine = _makeMachine(self)

    def start(self, offer: SessionDescription) -> None:
        self.machine.start(offer)

    def change(self, change: IChange) -> None:
        if self._inner is not None:
            judge(change, self._inner)

    def farewells(self) -> tuple[Farewell, ...]:
        """See L{ichatgw.interfaces.ILeg}."""
        asked = tuple(cancelled(self._sender, jid) for jid in self._pending)
        return asked if self._inner is None else (*asked, *self._inner.farewells())


def _begin(leg: OutboundLeg, offer: SessionDescription) -> None:
    """Look for iChats to ring, or wait for one to come online."""
    if offer.hears(PCMU) is None:
        leg.machine.fail(Ending(EndReason.INCOMPATIBLE, "the caller has no G.711"))
        return
    try:
        leg._sender = leg.link.enrol(leg, bareJID(leg.callee), callerName(leg.caller.user))
    except Congested as error:
        leg.machine.fail(Ending(error.reason, str(error)))
        return
    if _ringWhoeverIsThere(leg):
        return
    _setTimer(leg, leg.options.proceedingTimeout, Ending(EndReason.TIMEOUT, "no iChat of the user showed up"))
    _log.info("call={call} leg={leg} waits for {user!r:.120} to come online", **_names(leg))
    leg.presence.probe(leg.callee)


def _ringWhoeverIsThere(leg: OutboundLeg) -> bool:
    """Ring those who should ring now and were not asked before; are there any?"""
    targets: Iterable[JID] = (leg.callee,)
    if not leg.callee.resource:
        lost = leg._asked.difference(leg._pending)
        targets = select(known for known in leg.presence.resources(leg.callee) if known.jid not in lost)
    fresh = tuple(jid for jid in targets if jid not in leg._asked)
    if fresh:
        leg.machine.ring(fresh)
    return bool(fresh)


def _ask(leg: OutboundLeg, targets: Sequence[JID]) -> None:
    for jid in targets:
        leg._asked.add(jid)
        leg._pending[jid] = None
        _log.info("call={call} leg={leg} rings {jid!r:.120}", jid=jid.full(), **_names(leg))
        leg.call.ringing(leg)
        leg.presence.show(jid, leg.control, withCaps=False)
        leg.link.send(VCRequest(jid, leg._sender, leg.options.ourRecords()))


def _giveUpIfAlone(leg: OutboundLeg, ending: Ending) -> None:
    """Go on waiting only while an iChat of the user is known: one in a call cannot be called, but may be soon."""
    if not any(known.isIChat for known in leg.presence.resources(leg.callee)):
        leg.machine.fail(ending)


def _lose(leg: OutboundLeg, jid: JID, ending: Ending) -> None:
    """One of those that ring is out; if it was the last, ring the others that are online now, or give up."""
    lost = [asked for asked in leg._pending if jid in (asked, bareJID(asked))]
    for asked in lost:
        del leg._pending[asked]
    if lost and not leg._pending and not _ringWhoeverIsThere(leg):
        leg.machine.fail(ending)


def _accept(leg: OutboundLeg, jid: JID, records: Sequence[AddressRecord]) -> None:
    """The first verdict of an iChat that was asked is the user's."""
    if jid not in leg._pending:
        return
    del leg._pending[jid]
    record = leg.options.choose(records)
    if record is None:
        leg.machine.fail(Ending(EndReason.DECLINED, "the iChat named no usable address"))
    else:
        leg.machine.invite(record)


def _decline(leg: OutboundLeg, jid: JID) -> None:
    if jid in leg._pending:
        del leg._pending[jid]
        leg.machine.fail(Ending(EndReason.DECLINED))


def _invite(leg: OutboundLeg, record: AddressRecord) -> None:
    """Call the iChat at the address it named; the others stop ringing."""
    _stopRinging(leg)
    where = str(record.address)
    _log.info("call={call} leg={leg} accepted by {user!r:.120}, calling {where}", where=where, **_names(leg))
    try:
        inner = leg.dialer.dial(f"sip:user@{where}", leg.options.identity)
    except CallError as error:
        leg.machine.failInvite(Ending(error.reason, str(error)))
        return
    except Exception:
        _log.failure("call={call} leg={leg} could not call the iChat", call=leg.call.id, leg=leg.id)
        leg.machine.failInvite(Ending(EndReason.FAILED, "internal error"))
        return
    leg._inner, leg.isTaken = inner, True
    inner.call = Inside(leg, leg.machine)
    inner.side = leg.side
    inner.start(SessionDescription((PCMU,)))


def _hangupInner(leg: OutboundLeg, ending: Ending) -> None:
    if leg._inner is not None:
        leg._inner.hangup(ending)


def _stopRinging(leg: OutboundLeg) -> None:
    _stopTimer(leg)
    for jid in leg._pending:
        leg.link.send(VCCancel(jid, leg._sender))
    leg._pending.clear()


def _setTimer(leg: OutboundLeg, delay: float, ending: Ending) -> None:
    _stopTimer(leg)
    leg._timer = leg.clock.callLater(delay, leg.machine.fail, ending)


def _stopTimer(leg: OutboundLeg) -> None:
    cancel(leg._timer)
    leg._timer = None


def _finish(leg: OutboundLeg, ending: Ending) -> None:
    """Nothing of the leg remains, and its call knows."""
    _stopRinging(leg)
    leg._inner = None
    leg.link.over(leg)
    _log.debug(
        "call={call} leg={leg} to {user!r:.120} ended: {reason} {text!r:.80}",
        reason=ending.reason.name.lower(),
        text=ending.text,
        **_names(leg),
    )
    leg.machine = cast(Inputs, Over())
    leg.call.ended(leg, ending)


def _names(leg: OutboundLeg) -> dict[str, str]:
    return {"call": leg.call.id, "leg": leg.id, "user": leg.callee.userhost()}


def _build() -> Callable[[OutboundLeg], Inputs]:  # noqa: C901  (a whole machine: its states and inputs)
    """The machine.  What is late but lawful in a state is listed at the end."""
    builder = TypeMachineBuilder(Inputs, OutboundLeg)
    fresh = builder.state("fresh")
    proceeding = builder.state("proceeding")
    ringing = builder.state("ringing")
    inviting = builder.state("inviting")
    talking = builder.state("talking")
    ending_ = builder.state("ending")
    over = builder.state("over")

    @fresh.upon(Inputs.start).to(proceeding)
    def start(machine: Inputs, leg: OutboundLeg, offer: SessionDescription) -> None:
        _begin(leg, offer)

    @proceeding.upon(Inputs.available).loop()
    @ringing.upon(Inputs.available).loop()
    def available(machine: Inputs, leg: OutboundLeg) -> None:
        _ringWhoeverIsThere(leg)

    @proceeding.upon(Inputs.ring).to(ringing)
    def firstRing(machine: Inputs, leg: OutboundLeg, targets: Sequence[JID]) -> None:
        _setTimer(leg, leg.options.ringingTimeout, Ending(EndReason.TIMEOUT, "no iChat answered"))
        _ask(leg, targets)

    @ringing.upon(Inputs.ring).loop()
    def ring(machine: Inputs, leg: OutboundLeg, targets: Sequence[JID]) -> None:
        _ask(leg, targets)

    @proceeding.upon(Inputs.gone).loop()
    def someoneGone(machine: Inputs, leg: OutboundLeg, jid: JID, ending: Ending) -> None:
        _giveUpIfAlone(leg, ending)

    @ringing.upon(Inputs.gone).loop()
    def gone(machine: Inputs, leg: OutboundLeg, jid: JID, ending: Ending) -> None:
        _lose(leg, jid, ending)

    @ringing.upon(Inputs.accepted).loop()
    def accepted(machine: Inputs, leg: OutboundLeg, jid: JID, records: Sequence[AddressRecord]) -> None:
        _accept(leg, jid, records)

    @ringing.upon(Inputs.declined).loop()
    def declined(machine: Inputs, leg: OutboundLeg, jid: JID) -> None:
        _decline(leg, jid)

    @ringing.upon(Inputs.invite).to(inviting)
    def invite(machine: Inputs, leg: OutboundLeg, record: AddressRecord) -> None:
        _invite(leg, record)

    @inviting.upon(Inputs.innerRang).loop()
    def innerRang(machine: Inputs, leg: OutboundLeg) -> None:
        leg.call.ringing(leg)

    @inviting.upon(Inputs.innerProgressed).loop()
    def innerProgressed(machine: Inputs, leg: OutboundLeg, answer: SessionDescription) -> None:
        leg.call.progressing(leg, answer)

    @inviting.upon(Inputs.innerAnswered).to(talking)
    def innerAnswered(machine: Inputs, leg: OutboundLeg, answer: SessionDescription) -> None:
        leg.call.answered(leg, answer)

    @inviting.upon(Inputs.hangup).to(ending_)
    @talking.upon(Inputs.hangup).to(ending_)
    def hangupInner(machine: Inputs, leg: OutboundLeg, ending: Ending) -> None:
        _hangupInner(leg, ending)

    @fresh.upon(Inputs.hangup).to(over)
    @proceeding.upon(Inputs.hangup).to(over)
    @ringing.upon(Inputs.hangup).to(over)
    @proceeding.upon(Inputs.fail).to(over)
    @ringing.upon(Inputs.fail).to(over)
    @proceeding.upon(Inputs.unreachable).to(over)
    @inviting.upon(Inputs.failInvite).to(over)
    @inviting.upon(Inputs.innerEnded).to(over)
    @talking.upon(Inputs.innerEnded).to(over)
    @ending_.upon(Inputs.innerEnded).to(over)
    def finish(machine: Inputs, leg: OutboundLeg, ending: Ending) -> None:
        _finish(leg, ending)

    for state in (proceeding, ringing, inviting, talking, ending_, over):
        state.upon(Inputs.start).loop().returns(None)
    for state in (ending_, over):
        state.upon(Inputs.hangup).loop().returns(None)
    for state in (fresh, inviting, talking, ending_, over):
        state.upon(Inputs.available).loop().returns(None)
        state.upon(Inputs.gone).loop().returns(None)
        state.upon(Inputs.ring).loop().returns(None)
        state.upon(Inputs.fail).loop().returns(None)
    for state in (fresh, ringing, inviting, talking, ending_, over):
        state.upon(Inputs.unreachable).loop().returns(None)
    for state in (fresh, proceeding, inviting, talking, ending_, over):
        state.upon(Inputs.accepted).loop().returns(None)
        state.upon(Inputs.declined).loop().returns(None)
        state.upon(Inputs.invite).loop().returns(None)
    for state in (talking, ending_, over):
        state.upon(Inputs.innerRang).loop().returns(None)
        state.upon(Inputs.innerProgressed).loop().returns(None)
        state.upon(Inputs.innerAnswered).loop().returns(None)
        state.upon(Inputs.failInvite).loop().returns(None)
    over.upon(Inputs.innerEnded).loop().returns(None)
    return indexed(builder.build())


_makeMachine = _build()
