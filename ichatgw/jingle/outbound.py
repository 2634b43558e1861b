# -*- test-case-name: ichatgw.test.jingle.test_outbound,ichatgw.test.jingle.test_fork,ichatgw.test.jingle.test_midcall,ichatgw.test.jingle.test_contract -*-  # noqa: E501
"""
A leg towards the clients of a user.

::

    fresh --start--> seeking --proceeded--> joining --accepted--> talking
                        |  `---------------------------accepted-----^ |
                        `------------------> over <-------------------'

In C{seeking} the user has been sent a proposal (XEP-0353), and clients that know none a session each, all at once; the
first that accepts has the call.  In C{joining} a client has said that it takes the call, and was sent a session.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import ClassVar, Protocol, cast

from attrs import define, field
from automat import TypeMachineBuilder
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from zope.interface import implementer

from ichatgw.calls.changes import Change
from ichatgw.calls.nulls import NoCall
from ichatgw.interfaces import ICall, IMediaSide, IOutboundLeg
from ichatgw.jingle.fork import Ringing, newId
from ichatgw.jingle.leg import ACCEPT_TIMEOUT, JingleLeg, LegLink, pressed
from ichatgw.jingle.options import JingleOptions
from ichatgw.jingle.selection import Clients
from ichatgw.jingle.session.reasons import ofCallee
from ichatgw.jingle.session.session import Session
from ichatgw.model import Direction, Ending, EndReason, Farewell, Party, SessionDescription
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.machines import indexed
from ichatgw.runtime.nulls import Over
from ichatgw.xmpp.stanzas import bareJID

RINGING_ASSUMED = 3.0
"""
Seconds after which a client that takes calls is taken to ring, if it has said nothing: Dino never says so.  One that is
sent a session is known to be there when it has acknowledged that: it may sleep, and its server keep its place.
"""

_log = Logger()
_numbers = count(1)


class OutboundLink(LegLink, Protocol):
    """What carries the leg's stanzas."""

    def enrol(self, leg: OutboundLeg) -> None:
        """C{leg} has what comes from its callee about its proposal from now on."""


class Inputs(Protocol):
    """What can happen to the leg."""

    def start(self, offer: SessionDescription) -> None: ...

    def hangup(self, ending: Ending) -> None: ...

    def available(self) -> None:
        """A client of the user has come online, or more is known of one."""

    def gone(self, jid: JID, ending: Ending) -> None:
        """A client, or with a bare address all of them, cannot be reached any more."""

    def rang(self) -> None:
        """A client rings."""

    def acknowledged(self) -> None:
        """A client has the session that it was sent."""

    def proceeded(self, jid: JID) -> None:
        """A client takes the call that was proposed."""

    def rejected(self, ending: Ending) -> None:
        """A client has rejected the proposal for all clients, or withdraws after it accepted it."""

    def bounced(self, jid: JID, ending: Ending) -> None:
        """The proposal came back as an error."""

    def accepted(self, session: Session, answer: SessionDescription) -> None:
        """A client has accepted its session."""

    def connected(self) -> None:
        """Media can flow."""

    def sessionOver(self, session: Session, ending: Ending) -> None:
        """A session has ended."""

    def fail(self, ending: Ending) -> None:
        """The call has failed."""


@implementer(IOutboundLeg)
@define(eq=False, kw_only=True)
class OutboundLeg(JingleLeg):
    """
    Rings the clients of a user, and talks to the one that accepts.

    @ivar callee: whom to call: a bare address, or a full one to call that client only.
    @ivar us: the full address under which the caller calls.
    @ivar options: how it is made.
    @ivar name: that of the caller, for people.
    @ivar ringsOn: whether the caller waits for clients that sleep as for those that ring; else, if no client of the
        user is known, a sign of life is waited for.
    """

    callee: JID
    us: JID
    link: OutboundLink
    clients: Clients
    clock: IReactorTime
    options: JingleOptions
    ringsOn: bool = True
    name: str = ""
    kind: ClassVar[str] = "jingle"
    id: str = field(init=False, factory=lambda: f"to-jingle-{next(_numbers)}")
    sid: str = field(init=False)
    party: Party = field(init=False)
    call: ICall = field(init=False, factory=NoCall)
    side: IMediaSide = field(init=False)
    machine: Inputs = field(init=False)
    session: Session | None = field(init=False, default=None)
    ringing: Ringing = field(init=False)
    isTaken: bool = field(init=False, default=False)
    _offer: SessionDescription = field(init=False)
    _answer: SessionDescription = field(init=False)
    _rung: bool = field(init=False, default=False)
    _timer: IDelayedCall | None = field(init=False, default=None)
    _assumption: IDelayedCall | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.sid = newId()
        self.party = Party(f"xmpp:{self.callee.userhost()}")
        self.ringing = Ringing(
            owner=self,
            callee=self.callee,
            us=self.us,
            sid=self.sid,
            link=self.link,
            clients=self.clients,
            served=self.options.served,
            name=self.name,
        )
        self.machine = _makeMachine(self)

    def farewells(self) -> tuple[Farewell, ...]:
        """See L{ichatgw.interfaces.ILeg}."""
        return () if isinstance(self.machine, Over) else self.ringing.farewells()

    # Orders

    def start(self, offer: SessionDescription) -> None:
        self.machine.start(offer)

    # News of sessions

    def sessionRang(self, session: Session) -> None:
        self.machine.rang()

    def sessionAcknowledged(self, session: Session) -> None:
        self.machine.acknowledged()

    def sessionAccepted(self, session: Session, answer: SessionDescription) -> None:
        self.machine.accepted(session, answer)

    def sessionConnected(self, session: Session) -> None:
        _log.info("call={call} leg={leg} has media of {user!r:.120}", **_names(self))
        self.machine.connected()

    def sessionEnded(self, session: Session, ending: Ending) -> None:
        self.machine.sessionOver(session, ending)

    def sessionHeld(self, session: Session, direction: Direction) -> None:
        _log.info("call={call} leg={leg} {direction}", direction=direction.value, **_names(self))
        self.call.changed(self, Change(session.theirs))

    def sessionPressed(self, session: Session, digit: str, milliseconds: int) -> None:
        pressed(self, digit, milliseconds)


def _begin(leg: OutboundLeg, offer: SessionDescription) -> None:
    leg._offer = offer
    leg.link.enrol(leg)
    targets = leg.ringing.targets()
    if targets.known and not targets.propose and not targets.initiate:
        leg.machine.fail(Ending(EndReason.UNAVAILABLE, "no client of the user takes calls", cause=20))
        return
    _setTimer(
        leg, leg.options.proceedingTimeout, Ending(EndReason.UNAVAILABLE, "no client of the user is there", cause=20)
    )
    if not targets.known:
        leg.clients.probe(leg.callee)
    _seek(leg)
    if not targets.known and leg.ringsOn and not leg.callee.resource and not isinstance(leg.machine, Over):
        _assumeRinging(leg)  # the server keeps the proposal, or wakes clients by it (XEP-0357)


def _seek(leg: OutboundLeg) -> None:
    """Call those who should be called now and were not before."""
    targets = leg.ringing.targets()
    if targets.certain:
        _assumeRinging(leg)
    _failIf(leg, leg.ringing.call(targets, leg._offer))


def _assumeRinging(leg: OutboundLeg) -> None:
    """A client is there that takes the call, and will ring if it has not said so yet."""
    if leg._assumption is None and not leg._rung:
        leg._assumption = leg.clock.callLater(RINGING_ASSUMED, leg.machine.rang)
        _setTimer(leg, leg.options.ringingTimeout, Ending(EndReason.TIMEOUT, "nobody answered"))


def _join(leg: OutboundLeg, jid: JID) -> None:
    """C{jid} takes the call that was proposed: the others stop ringing."""
    leg.isTaken = True
    _setTimer(leg, ACCEPT_TIMEOUT, Ending(EndReason.CONNECTIVITY, "the client never accepted its session"))
    _failIf(leg, leg.ringing.join(jid, leg._offer))


def _talk(leg: OutboundLeg, session: Session, answer: SessionDescription) -> None:
    _stopTimers(leg)
    leg.isTaken = True
    leg.session = session
    leg.ringing.choose(session)
    leg._answer = answer
    _log.info("call={call} leg={leg} is talking to {user!r:.120}", **_names(leg))
    if not leg.options.lateAnswer or session.isConnected:
        leg.call.answered(leg, answer)
    else:
        _setTimer(leg, ACCEPT_TIMEOUT, Ending(EndReason.CONNECTIVITY, "there is no way for media"))


def _connect(leg: OutboundLeg) -> None:
    if leg.options.lateAnswer:
        _stopTimers(leg)
        leg.call.answered(leg, leg._answer)


def _rang(leg: OutboundLeg) -> None:
    if not leg._rung:
        leg._rung = True
        _setTimer(leg, leg.options.ringingTimeout, Ending(EndReason.UNAVAILABLE, "nobody answered", cause=19))
        leg.call.ringing(leg)


def _failIf(leg: OutboundLeg, ending: Ending | None) -> None:
    if ending is not None:
        leg.machine.fail(ending)


def _setTimer(leg: OutboundLeg, delay: float, ending: Ending) -> None:
    cancel(leg._timer)
    leg._timer = leg.clock.callLater(delay, leg.machine.fail, ending)


def _stopTimers(leg: OutboundLeg) -> None:
    cancel(leg._timer, leg._assumption)
    leg._timer = None


def _finish(leg: OutboundLeg, ending: Ending) -> None:
    """Nothing of the leg remains, and its call knows."""
    _stopTimers(leg)
    leg.ringing.stop(ending)
    leg.session = None
    leg.link.over(leg)
    _log.info(
        "call={call} leg={leg} to {user!r:.120} ended: {reason} {text!r:.80}",
        reason=ending.reason.name.lower(),
        text=ending.text,
        **_names(leg),
    )
    leg.machine = cast(Inputs, Over())
    leg.call.ended(leg, ending)


def _names(leg: OutboundLeg) -> dict[str, str]:
    return {"call": leg.call.id, "leg": leg.id, "user": bareJID(leg.callee).full()}


def _build() -> Callable[[OutboundLeg], Inputs]:  # noqa: C901  (a whole machine: its states and inputs)
    """The machine.  What is late but lawful in a state is listed at the end."""
    builder = TypeMachineBuilder(Inputs, OutboundLeg)
    fresh = builder.state("fresh")
    seeking = builder.state("seeking")
    joining = builder.state("joining")
    talking = builder.state("talking")
    over = builder.state("over")

    @fresh.upon(Inputs.start).to(seeking)
    def start(machine: Inputs, leg: OutboundLeg, offer: SessionDescription) -> None:
        _begin(leg, offer)

    @seeking.upon(Inputs.available).loop()
    def available(machine: Inputs, leg: OutboundLeg) -> None:
        _seek(leg)

    @seeking.upon(Inputs.rang).loop()
    def rang(machine: Inputs, leg: OutboundLeg) -> None:
        _rang(leg)

    @seeking.upon(Inputs.acknowledged).loop()
    def acknowledged(machine: Inputs, leg: OutboundLeg) -> None:
        _assumeRinging(leg)

    @seeking.upon(Inputs.gone).loop()
    def gone(machine: Inputs, leg: OutboundLeg, jid: JID, ending: Ending) -> None:
        _failIf(leg, leg.ringing.lose(jid, ending))

    @seeking.upon(Inputs.bounced).loop()
    def bounced(machine: Inputs, leg: OutboundLeg, jid: JID, ending: Ending) -> None:
        _failIf(leg, leg.ringing.bounce(jid, ending))

    @seeking.upon(Inputs.proceeded).to(joining)
    def proceeded(machine: Inputs, leg: OutboundLeg, jid: JID) -> None:
        _join(leg, jid)

    @joining.upon(Inputs.proceeded).loop()
    @talking.upon(Inputs.proceeded).loop()
    def proceededLate(machine: Inputs, leg: OutboundLeg, jid: JID) -> None:
        leg.ringing.tooLate(jid)

    @seeking.upon(Inputs.accepted).to(talking)
    @joining.upon(Inputs.accepted).to(talking)
    def accepted(machine: Inputs, leg: OutboundLeg, session: Session, answer: SessionDescription) -> None:
        _talk(leg, session, answer)

    @seeking.upon(Inputs.sessionOver).loop()
    def targetOver(machine: Inputs, leg: OutboundLeg, session: Session, ending: Ending) -> None:
        outcome = leg.ringing.ended(session, ending)
        _failIf(leg, None if outcome is None else ofCallee(outcome))

    @talking.upon(Inputs.connected).loop()
    def connected(machine: Inputs, leg: OutboundLeg) -> None:
        _connect(leg)

    @seeking.upon(Inputs.rejected).to(over)
    def rejected(machine: Inputs, leg: OutboundLeg, ending: Ending) -> None:
        leg.ringing.rejected(ending)
        _finish(leg, ofCallee(ending))

    @joining.upon(Inputs.sessionOver).loop()
    def joinedOver(machine: Inputs, leg: OutboundLeg, session: Session, ending: Ending) -> None:
        if leg.ringing.last(session):
            machine.fail(ofCallee(ending))

    @talking.upon(Inputs.sessionOver).loop()
    def sessionOver(machine: Inputs, leg: OutboundLeg, session: Session, ending: Ending) -> None:
        if leg.ringing.last(session):
            machine.fail(ending)

    @fresh.upon(Inputs.hangup).to(over)
    @seeking.upon(Inputs.hangup).to(over)
    @joining.upon(Inputs.hangup).to(over)
    @talking.upon(Inputs.hangup).to(over)
    @seeking.upon(Inputs.fail).to(over)
    @joining.upon(Inputs.fail).to(over)
    @talking.upon(Inputs.fail).to(over)
    @joining.upon(Inputs.rejected).to(over)
    def finish(machine: Inputs, leg: OutboundLeg, ending: Ending) -> None:
        _finish(leg, ending)

    for state in (seeking, joining, talking, over):
        state.upon(Inputs.start).loop().returns(None)
    for state in (fresh, joining, talking, over):
        state.upon(Inputs.available).loop().returns(None)
        state.upon(Inputs.gone).loop().returns(None)
        state.upon(Inputs.rang).loop().returns(None)
        state.upon(Inputs.acknowledged).loop().returns(None)
        state.upon(Inputs.bounced).loop().returns(None)
    for state in (fresh, talking, over):
        state.upon(Inputs.rejected).loop().returns(None)
        state.upon(Inputs.accepted).loop().returns(None)
    for state in (fresh, over):
        state.upon(Inputs.proceeded).loop().returns(None)
        state.upon(Inputs.fail).loop().returns(None)
        state.upon(Inputs.sessionOver).loop().returns(None)
    for state in (fresh, seeking, joining, over):
        state.upon(Inputs.connected).loop().returns(None)
    over.upon(Inputs.hangup).loop().returns(None)
    return indexed(builder.build())


_makeMachine = _build()
