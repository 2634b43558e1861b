# -*- test-case-name: ichatgw.test.jingle.test_inbound,ichatgw.test.jingle.test_contract,ichatgw.test.jingle.test_jmi,ichatgw.test.jingle.session.test_session -*-  # noqa: E501
"""
A leg from a client that calls.

::

    proposed --answer--> proceeding --initiated--> talking
        |                    |                        |
        `--------------------+----> over <------------+
                                     ^                |
    offered --answer-----------------+----------------'

In C{proposed} the client has announced its call (XEP-0353) and is told whether it rings; in C{proceeding} the call is
answered, and its C{session-initiate} is due.  In C{offered} a client has initiated a session at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
from ichatgw.errors import CallError, NoCommonCodec
from ichatgw.interfaces import ICall, IInboundLeg, IMediaSide
from ichatgw.jingle.farewells import terminated, told
from ichatgw.jingle.leg import ACCEPT_TIMEOUT, JingleLeg, LegLink, pressed
from ichatgw.jingle.session.actions import Phase, endingOf
from ichatgw.jingle.session.reasons import toError, toReason
from ichatgw.jingle.session.session import Session
from ichatgw.jingle.stanzas.jingle import Jingle
from ichatgw.jingle.stanzas.proposals import CallMessage, Word
from ichatgw.model import Direction, Ending, EndReason, Farewell, Party, SessionDescription
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.machines import indexed
from ichatgw.runtime.nulls import Over, unheard
from ichatgw.xmpp.stanzas import bareJID

_log = Logger()
_numbers = count(1)


class Inputs(Protocol):
    """What can happen to the leg."""

    def offer(self) -> None:
        """The client has not proposed, but initiated a session."""

    def ring(self) -> None: ...

    def progress(self, answer: SessionDescription) -> None: ...

    def answer(self, answer: SessionDescription) -> None: ...

    def hangup(self, ending: Ending) -> None: ...

    def retracted(self, ending: Ending) -> None:
        """The client gave up, or is gone, before there was a session."""

    def proposedAgain(self, proposal: CallMessage) -> None:
        """The client has lost its server, and is back."""

    def initiated(self, jingle: Jingle) -> None:
        """The client's C{session-initiate} after our C{proceed}."""

    def sessionOver(self, ending: Ending) -> None:
        """The session has ended."""


@implementer(IInboundLeg)
@define(eq=False, kw_only=True)
class InboundLeg(JingleLeg):
    """
    The side of a client that calls.

    @ivar caller: its full address.
    @ivar us: the full address under which we speak to it.
    @ivar proposal: its proposal, if it made one.
    @ivar early: whether the call is accepted as soon as there is early media, so that the caller hears it.
    """

    caller: JID
    us: JID
    sid: str
    link: LegLink
    clock: IReactorTime
    proposal: CallMessage | None = None
    early: bool = False
    kind: ClassVar[str] = "jingle"
    trail: str = field(init=False)
    id: str = field(init=False, factory=lambda: f"from-jingle-{next(_numbers)}")
    party: Party = field(init=False)
    call: ICall = field(init=False, factory=NoCall)
    side: IMediaSide = field(init=False)
    machine: Inputs = field(init=False)
    session: Session = field(init=False)
    _answer: SessionDescription = field(init=False)
    _told: bool = field(init=False, default=False)
    _taken: bool = field(init=False, default=False)
    _lack: NoCommonCodec | None = field(init=False, default=None)
    _timer: IDelayedCall | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.party = Party(f"xmpp:{self.caller.userhost()}", self.caller.user or "")
        self.trail = self.sid
        self.session = Session(
            us=self.us, them=self.caller, sid=self.sid, isInitiator=False, link=self.link, owner=self
        )
        self.machine = _makeMachine(self)

    @property
    def awaitsSession(self) -> bool:
        """Is the client's C{session-initiate} due?"""
        return self._timer is not None

    def farewells(self) -> tuple[Farewell, ...]:
        """See L{ichatgw.interfaces.ILeg}."""
        if isinstance(self.machine, Over):
            return ()
        session = terminated(self.us, self.caller, self.sid)
        if self.proposal is None:
            return (session,)
        if not self._taken:
            return (told(Word.REJECT, self.us, self.caller, self.sid),)
        return session, told(Word.FINISH, self.us, self.caller, self.sid)

    # Orders

    def ring(self) -> None:
        self.machine.ring()

    def progress(self, answer: SessionDescription) -> None:
        self.machine.progress(answer)

    def answer(self, answer: SessionDescription) -> None:
        self.machine.answer(answer)

    # News of the session

    # Who calls does not ring, and is offered nothing that it could accept.
    sessionRang = sessionAcknowledged = sessionAccepted = unheard

    def sessionConnected(self, session: Session) -> None:
        _log.info("call={call} leg={leg} has media of {user!r:.120}", **_names(self))

    def sessionEnded(self, session: Session, ending: Ending) -> None:
        self.machine.sessionOver(ending)

    def sessionHeld(self, session: Session, direction: Direction) -> None:
        _log.info("call={call} leg={leg} {direction}", direction=direction.value, **_names(self))
        _change(self, session.theirs)

    def sessionPressed(self, session: Session, digit: str, milliseconds: int) -> None:
        pressed(self, digit, milliseconds)


def _say(leg: InboundLeg, word: Word, ending: Ending | None = None) -> None:
    reason = None if ending is None else toReason(ending, leg._told)
    leg.link.say(CallMessage(leg.caller, leg.us, word, leg.sid, reason=reason))


def _ringing(leg: InboundLeg) -> None:
    if leg._told:
        return
    leg._told = leg.session.rang = True
    leg.link.show(leg.caller, leg.us)
    if leg.proposal is None:
        leg.session.inform("ringing")
    else:
        _say(leg, Word.RINGING)
        leg.link.receipt(leg.proposal)  # older Conversations wait for that


def _proposedAgain(leg: InboundLeg, proposal: CallMessage) -> None:
    """What the client was told may be lost; it may have another address now."""
    leg.caller = leg.session.them = proposal.from_
    leg.proposal = proposal
    if leg.awaitsSession:
        leg.link.show(leg.caller, leg.us)
        _say(leg, Word.PROCEED)
    elif leg._told:
        leg._told = False
        _ringing(leg)


def _proceed(leg: InboundLeg, answer: SessionDescription) -> None:
    leg._answer = answer
    leg._taken = True
    leg._timer = leg.clock.callLater(
        ACCEPT_TIMEOUT,
        leg.machine.hangup,
        Ending(EndReason.CONNECTIVITY, "the client never initiated its session"),
    )
    _log.info("call={call} leg={leg} accepted, awaits the session of {user!r:.120}", **_names(leg))
    leg.link.show(leg.caller, leg.us)
    _say(leg, Word.PROCEED)


def _initiated(leg: InboundLeg, jingle: Jingle) -> None:
    _stopTimer(leg)
    try:
        leg.session.receive(jingle)
        leg.session.accept(leg._answer)
    except NoCommonCodec as problem:
        _put(leg, problem)
        return
    except CallError as error:
        leg.session.terminate(endingOf(error))
        leg.machine.sessionOver(endingOf(error))
        return
    _log.info("call={call} leg={leg} is talking to {user!r:.120}", **_names(leg))
    lacking = [each for each in leg._answer.codecs if not each.isEvent and leg.session.offer.hears(each) is None]
    if lacking and leg.session.phase is Phase.ACTIVE:
        # It was taken to have them when it proposed; the other party may be sending one of them by now.
        _change(leg, leg.session.theirs)


def _put(leg: InboundLeg, problem: NoCommonCodec) -> None:
    """The other party has answered with nothing that the client has, and is asked to go over to what it has."""
    _log.info("call={call} leg={leg} of {user!r:.120}: {why}", why=str(problem), **_names(leg))
    leg._lack = problem
    _change(leg, leg.session.offer)


def _change(leg: InboundLeg, description: SessionDescription) -> None:
    leg.call.changed(leg, Change(description, partial(_agreed, leg), partial(_refused, leg)))


def _agreed(leg: InboundLeg, answer: SessionDescription) -> None:
    """The other party goes over to what the client has: now it is accepted.  Else a client asks for nothing."""
    if _settled(leg) is not None:
        _accept(leg, answer)


def _refused(leg: InboundLeg, ending: Ending) -> None:
    """It does not: the two have nothing in common."""
    lack = _settled(leg)
    if lack is not None:
        leg.hangup(endingOf(lack))


def _settled(leg: InboundLeg) -> NoCommonCodec | None:
    """Why the client's session waits for what the other party says, if it does; from now on it does not."""
    lack, leg._lack = leg._lack, None
    return lack if leg.session.phase is Phase.PENDING else None


def _accept(leg: InboundLeg, answer: SessionDescription) -> None:
    try:
        leg.session.accept(answer)
    except CallError as error:
        leg.session.terminate(endingOf(error))
        leg.machine.sessionOver(endingOf(error))


def _refuse(leg: InboundLeg, ending: Ending) -> None:
    """
    Tell a client that has proposed.  One whose number is wrong shall see an error, not that the call was declined; but
    most look for no errors, and call on until they are told by a C{reject}.
    """
    condition = toError(ending)
    if condition is not None and leg.proposal is not None and not leg._told:
        leg.link.bounce(leg.proposal, condition, ending.text)
    _say(leg, Word.REJECT, ending)


def _terminate(leg: InboundLeg, ending: Ending) -> None:
    leg.session.terminate(ending)
    if leg.proposal is not None:
        _say(leg, Word.FINISH, ending)


def _stopTimer(leg: InboundLeg) -> None:
    cancel(leg._timer)
    leg._timer = None


def _finish(leg: InboundLeg, ending: Ending) -> None:
    """Nothing of the leg remains, and its call knows."""
    _stopTimer(leg)
    leg.link.over(leg)
    _log.info(
        "call={call} leg={leg} from {user!r:.120} ended: {reason} {text!r:.80}",
        reason=ending.reason.name.lower(),
        text=ending.text,
        **_names(leg),
    )
    leg.machine = cast(Inputs, Over())
    leg.session.letGo()
    leg.call.ended(leg, ending)


def _names(leg: InboundLeg) -> dict[str, str]:
    return {"call": leg.call.id, "leg": leg.id, "user": bareJID(leg.caller).full()}


def _build() -> Callable[[InboundLeg], Inputs]:  # noqa: C901  (a whole machine: its states and inputs)
    """The machine.  What is late but lawful in a state is listed at the end."""
    builder = TypeMachineBuilder(Inputs, InboundLeg)
    proposed = builder.state("proposed")
    proceeding = builder.state("proceeding")
    offered = builder.state("offered")
    talking = builder.state("talking")
    over = builder.state("over")

    @proposed.upon(Inputs.offer).to(offered)
    def offer(machine: Inputs, leg: InboundLeg) -> None:
        """It has a session already."""

    @proposed.upon(Inputs.ring).loop()
    @offered.upon(Inputs.ring).loop()
    def ring(machine: Inputs, leg: InboundLeg) -> None:
        _ringing(leg)

    @proposed.upon(Inputs.progress).loop()
    @offered.upon(Inputs.progress).loop()
    def progress(machine: Inputs, leg: InboundLeg, answer: SessionDescription) -> None:
        if leg.early:
            machine.answer(answer)
        else:
            _ringing(leg)

    @proposed.upon(Inputs.answer).to(proceeding)
    def proceed(machine: Inputs, leg: InboundLeg, answer: SessionDescription) -> None:
        _proceed(leg, answer)

    @proceeding.upon(Inputs.answer).loop()
    def answerAgain(machine: Inputs, leg: InboundLeg, answer: SessionDescription) -> None:
        leg._answer = answer

    @offered.upon(Inputs.answer).to(talking)
    def accept(machine: Inputs, leg: InboundLeg, answer: SessionDescription) -> None:
        _accept(leg, answer)

    @proceeding.upon(Inputs.initiated).to(talking)
    def initiated(machine: Inputs, leg: InboundLeg, jingle: Jingle) -> None:
        _initiated(leg, jingle)

    @proposed.upon(Inputs.proposedAgain).loop()
    @proceeding.upon(Inputs.proposedAgain).loop()
    def proposedAgain(machine: Inputs, leg: InboundLeg, proposal: CallMessage) -> None:
        _proposedAgain(leg, proposal)

    @proposed.upon(Inputs.hangup).to(over)
    def refuse(machine: Inputs, leg: InboundLeg, ending: Ending) -> None:
        _refuse(leg, ending)
        _finish(leg, ending)

    @proceeding.upon(Inputs.hangup).to(over)
    def giveUp(machine: Inputs, leg: InboundLeg, ending: Ending) -> None:
        _say(leg, Word.FINISH, ending)
        _finish(leg, ending)

    @offered.upon(Inputs.hangup).to(over)
    @talking.upon(Inputs.hangup).to(over)
    def terminate(machine: Inputs, leg: InboundLeg, ending: Ending) -> None:
        _terminate(leg, ending)
        _finish(leg, ending)

    @proposed.upon(Inputs.retracted).to(over)
    @proceeding.upon(Inputs.retracted).to(over)
    @offered.upon(Inputs.sessionOver).to(over)
    def finish(machine: Inputs, leg: InboundLeg, ending: Ending) -> None:
        _finish(leg, ending)

    @offered.upon(Inputs.retracted).to(over)
    def vanish(machine: Inputs, leg: InboundLeg, ending: Ending) -> None:
        leg.session.drop()
        _finish(leg, ending)

    @talking.upon(Inputs.sessionOver).to(over)
    def sessionOver(machine: Inputs, leg: InboundLeg, ending: Ending) -> None:
        if leg.proposal is not None:
            _say(leg, Word.FINISH, ending)
        _finish(leg, ending)

    for state in (proceeding, talking, over):
        state.upon(Inputs.ring).loop().returns(None)
        state.upon(Inputs.progress).loop().returns(None)
    for state in (offered, talking, over):
        state.upon(Inputs.proposedAgain).loop().returns(None)
    for state in (talking, over):
        state.upon(Inputs.answer).loop().returns(None)
    for state in (proposed, offered, talking, over):
        state.upon(Inputs.initiated).loop().returns(None)
    for state in (talking, over):
        state.upon(Inputs.retracted).loop().returns(None)
    for state in (proposed, proceeding, over):
        state.upon(Inputs.sessionOver).loop().returns(None)
    over.upon(Inputs.hangup).loop().returns(None)
    return indexed(builder.build())


_makeMachine = _build()
