# -*- test-case-name: ichatgw.test.test_jingle_protocol -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Jingle calls on the component's stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ichatgw.xmpp.compat  # noqa: F401  (before wokkel)

# isort: split
from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.error import NS_XMPP_STANZAS
from twisted.words.protocols.jabber.jid import JID
from twisted.words.protocols.jabber.xmlstream import toResponse
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler
from zope.interface import implementer

from ichatgw.errors import CallError, MalformedError
from ichatgw.interfaces import IArrivals, IDialer, ILeg, IMediaTransports
from ichatgw.jingle.addresses import callerJID
from ichatgw.jingle.borders import SessionOwner
from ichatgw.jingle.calls import Calls
from ichatgw.jingle.inbound import InboundLeg
from ichatgw.jingle.leg import PROPOSED
from ichatgw.jingle.messages import CallMessage, Word
from ichatgw.jingle.namespaces import NS_JINGLE, NS_JINGLE_ERRORS, NS_MESSAGE, NS_RECEIPTS
from ichatgw.jingle.options import JingleOptions
from ichatgw.jingle.outbound import OutboundLeg
from ichatgw.jingle.reasons import fromError, fromReason, toReason
from ichatgw.jingle.rules import OUT_OF_ORDER, TIE_BREAK, UNKNOWN_SESSION, Phase, Refusal, endingOf
from ichatgw.jingle.selection import Clients
from ichatgw.jingle.stanzas import Action, Jingle, Reason, writeJingle
from ichatgw.model import Ending, EndReason, Party
from ichatgw.ratelimit import COMPLAINTS, RateLimit
from ichatgw.xmpp.guests import NO_GUEST
from ichatgw.xmpp.presence import PHONE_RESOURCE, IPresenceListener, Resource
from ichatgw.xmpp.stanzas import bareJID, calledUser, errorReply, parseJID, recipient, sender

MOST_CALLS_OF_A_USER = 8
"""More calls at once than anybody makes; each costs a call of the gateway."""

MOST_CALLERS = 4096
"""Users who called in the last seconds; more than can be, as each of them costs a call."""

_PROPOSE_ID, _PROCEED_ID = "jm-propose-", "jm-proceed-"

_log = Logger()


@implementer(IDialer, IPresenceListener)
class JingleProtocol(XMPPHandler):
    """
    Carries the stanzas of Jingle calls, and gives each to the leg or session it belongs to.

    It knows those while they live; what they do is their own business.  A lost link to the server ends no call.  It
    listens to presence (add it to C{presence.listeners}), and dials C{xmpp:} addresses.

    @ivar arrivals: who takes a call that arrives; set before the first stanza.
    @ivar calls: those that there are.
    """

    arrivals: IArrivals

    def __init__(
        self,
        clock: IReactorTime,
        component: str,
        clients: Clients,
        transports: IMediaTransports,
        show: Callable[[JID, JID], None],
        translate: Callable[[str], str],
        allows: Callable[[JID], bool],
        options: JingleOptions = JingleOptions(),  # noqa: B008  (frozen)
    ) -> None:
        """
        @param clock: for the time-outs.
        @param component: the component's name.
        @param clients: who is online, with what.
        @param transports: makes the transports of media.
        @param show: shows a client (first) one of our addresses (second), with what it can.
        @param translate: the translation rules.
        @param allows: who may call.
        """
        super().__init__()
        self.calls = Calls(transports=transports, send=self._send, show=show)
        self._clock = clock
        self._component = component.lower()
        self._clients = clients
        self._translate = translate
        self._allows = allows
        self._options = options
        self._complaints = RateLimit(clock, *COMPLAINTS)
        self._proposals = RateLimit(clock, 0.5, 10, MOST_CALLERS)

    @property
    def legs(self) -> Sequence[ILeg]:
        """The legs that live."""
        return tuple(self.calls.legs)

    def stop(self) -> None:
        """End every leg."""
        for leg in self.legs:
            leg.hangup(Ending(EndReason.SHUTDOWN))

    # What comes from the stream

    def connectionInitialized(self) -> None:
        self.xmlstream.addObserver(f"/iq[@type='set']/jingle[@xmlns='{NS_JINGLE}']", self._onJingle)
        for word in Word:
            self.xmlstream.addObserver(f"/message/{word.value}[@xmlns='{NS_MESSAGE}']", self._onMessage)
        self.xmlstream.addObserver(f"/message/received[@xmlns='{NS_RECEIPTS}']", self._onReceipt)
        self.xmlstream.addObserver("/message[@type='error']", self._onMessageError)
        self.xmlstream.addObserver("/iq[@type='error']", self._onAnswer)
        self.xmlstream.addObserver("/iq[@type='result']", self._onAnswer)

    def _onJingle(self, iq: Any) -> None:
        iq.handled = True
        try:
            jingle = Jingle.fromElement(iq)
        except MalformedError as error:
            self._refuse(iq, Refusal("bad-request"), str(error))
            return
        session = self.calls.session(jingle.from_, jingle.to, jingle.sid)
        if session is not None:
            refusal = session.refusal(jingle)
            if refusal is not None:
                self._refuse(iq, refusal, f"{jingle.action and jingle.action.value} {refusal.detail}")
            else:
                self._acknowledge(iq)
                self._guarded(session.owner, session.take, jingle)
        elif jingle.action is Action.INITIATE:
            self._initiated(iq, jingle)
        else:
            self._refuse(iq, UNKNOWN_SESSION, "no such session")

    def _initiated(self, iq: Element, jingle: Jingle) -> None:
        user = bareJID(jingle.from_)
        leg = self.calls.inbound.get((user, jingle.sid))
        if leg is not None:
            if leg.awaitsSession and jingle.from_ == leg.caller and bareJID(jingle.to) == bareJID(leg.us):
                self._acknowledge(iq)
                self._guarded(leg, leg.machine.initiated, jingle)
            else:
                self._refuse(iq, OUT_OF_ORDER, "the call is not accepted")
            return
        refusal = self._objection(jingle.from_, jingle.to)
        if refusal is None and self.calls.goesBefore(jingle):
            refusal = TIE_BREAK
        if refusal is not None:
            self._refuse(iq, refusal, f"may not call: {refusal.why or refusal.condition}")
            # Dino, Gajim and QXmpp do not look at the answer, and would call on.
            self._terminate(jingle, toReason(_endingOf(refusal)))
            return
        self._acknowledge(iq)
        if self.calls.isOver(user, jingle.sid):
            self._terminate(jingle, Reason("cancel", "the call is over"))
            return
        leg = InboundLeg(
            caller=jingle.from_,
            us=jingle.to,
            sid=jingle.sid,
            link=self.calls,
            clock=self._clock,
            early=self._options.early,
        )
        self._arrive(leg, jingle)

    def _guarded(self, leg: SessionOwner, take: Callable[[Jingle], None], jingle: Jingle) -> None:
        """An error of ours in what a client asks for ends its call, and no other."""
        try:
            take(jingle)
        except Exception:
            _log.failure("call={call} leg={leg} could not go on", call=leg.call.id, leg=leg.id)
            leg.hangup(Ending(EndReason.FAILED, "internal error"))

    def _arrive(self, leg: InboundLeg, jingle: Jingle | None) -> None:
        """A new call, with the client's offer if it made one."""
        self.calls.arrived(leg)
        offer = PROPOSED
        if jingle is not None:
            leg.machine.offer()
            try:
                leg.session.receive(jingle)
            except CallError as error:
                self._complain(jingle.from_, str(error))
                leg.hangup(endingOf(error))
                return
            offer = leg.session.offer
        try:
            self.arrivals.arrived(leg, f"xmpp:{bareJID(leg.us).full()}", offer)
        except Exception:
            _log.failure("leg={leg} could not be taken", leg=leg.id)
            leg.hangup(Ending(EndReason.FAILED))

    def _objection(self, from_: JID, to: JID) -> Refusal | None:
        """Why a call may not even be tried."""
        user = bareJID(from_)
        if not self._allows(from_):
            return Refusal("forbidden", why=NO_GUEST)
        if not to.user:
            return Refusal("item-not-found")
        if (
            not self._proposals.allow(user)
            or sum(1 for caller, _ in self.calls.inbound if caller == user) >= MOST_CALLS_OF_A_USER
        ):
            return Refusal("resource-constraint", why="too many calls of this user")
        return None

    def _onMessage(self, element: Any) -> None:
        if element.getAttribute("type") == "error":
            return
        element.handled = True
        try:
            message = CallMessage.fromElement(element)
        except MalformedError as error:
            _log.debug("A message of a call was dropped: {error}", error=error)
            return
        if message.word is Word.PROPOSE:
            self._proposed(message)
            return
        user, us = bareJID(message.from_), bareJID(message.to)
        inbound = self.calls.inbound.get((user, message.sid))
        if inbound is not None and bareJID(inbound.us) == us:
            self._aboutTheirs(inbound, message)
            return
        outbound = self.calls.outbound.get((user, message.sid))
        if outbound is not None and bareJID(outbound.us) == us:
            self._aboutOurs(outbound, message)
        elif message.word is Word.PROCEED and self.calls.isOver(user, message.sid):
            reason = Reason("expired", "the call is over")
            self.calls.say(CallMessage(message.from_, message.to, Word.FINISH, message.sid, reason=reason))

    def _aboutTheirs(self, leg: InboundLeg, message: CallMessage) -> None:
        """A word about a call that a user makes."""
        if message.word not in (Word.RETRACT, Word.FINISH):
            return
        if leg.session.phase is not Phase.ACTIVE:
            ending = fromReason(message.reason, False) if message.reason else Ending(EndReason.CANCELLED)
            leg.machine.retracted(Ending(EndReason.CANCELLED, ending.text))
        elif message.word is Word.FINISH and message.from_ == leg.caller:
            leg.hangup(fromReason(message.reason, True))

    def _aboutOurs(self, leg: OutboundLeg, message: CallMessage) -> None:
        """A word about a call to a user, who may have several clients: one has the call, or none yet."""
        taker = leg.ringing.taker
        if message.word is Word.RINGING:
            leg.machine.rang()
        elif message.word is Word.PROCEED and message.from_.resource:
            leg.machine.proceeded(message.from_)
        elif leg.session is not None:
            if message.word is Word.FINISH and message.from_ == taker:
                leg.hangup(fromReason(message.reason, True))
        elif message.word in (Word.REJECT, Word.FINISH) and taker in (None, message.from_):
            ending = Ending(EndReason.BUSY, "rejected", cause=17)
            if message.reason is not None and message.reason.condition and not message.tieBreak:
                ending = fromReason(message.reason, False)
            leg.machine.rejected(ending)

    def _proposed(self, message: CallMessage) -> None:
        user, called = bareJID(message.from_), bareJID(message.to)
        if not message.from_.resource or self.calls.isKnown(user, message.sid):
            return
        us = parseJID(f"{called.full()}/{PHONE_RESOURCE}")
        refusal = self._objection(message.from_, message.to)
        if refusal is not None:
            self._complain(message.from_, f"may not call: {refusal.why or refusal.condition}")
            self.calls.bounce(message, refusal.condition, refusal.why)
            reason = toReason(_endingOf(refusal))
            self.calls.say(CallMessage(message.from_, us, Word.REJECT, message.sid, reason=reason))
            return
        if "audio" not in message.media:
            self._complain(message.from_, f"proposes {' '.join(message.media)[:60] or 'nothing'}")
            reason = Reason("unsupported-applications", "only audio is carried")
            self.calls.say(CallMessage(message.from_, us, Word.REJECT, message.sid, reason=reason))
            return
        if self.calls.isProposedBefore(message):
            expired = Reason("expired")
            self.calls.say(CallMessage(message.from_, us, Word.REJECT, message.sid, reason=expired, tieBreak=True))
            return
        self.calls.giveWay(message)
        leg = InboundLeg(
            caller=message.from_,
            us=us,
            sid=message.sid,
            link=self.calls,
            clock=self._clock,
            proposal=message,
            early=self._options.early,
        )
        self._arrive(leg, None)

    def _onReceipt(self, element: Any) -> None:
        """Older Conversations say by it that they ring."""
        sid = (element.received.getAttribute("id") or "").removeprefix(_PROPOSE_ID)
        leg = self._proposedIn(element, sid)
        if leg is not None:
            leg.machine.rang()

    def _onMessageError(self, element: Element) -> None:
        """A proposal or C{proceed} comes back; not every server says which it was but by its id."""
        id = element.getAttribute("id") or ""
        leg = self._proposedIn(element, id.removeprefix(_PROPOSE_ID))
        if leg is not None:
            leg.machine.bounced(sender(element), fromError(_conditionOf(element)))
        for inbound in tuple(self.calls.inbound.values()) if id.startswith(_PROCEED_ID) else ():
            if id == _PROCEED_ID + inbound.sid and element.getAttribute("from") == inbound.caller.full():
                inbound.machine.retracted(Ending(EndReason.CANCELLED, "the client knows of no such call any more"))

    def _proposedIn(self, element: Element, sid: str) -> OutboundLeg | None:
        try:
            leg = self.calls.outbound.get((bareJID(sender(element)), sid))
            return leg if leg is not None and bareJID(leg.us) == bareJID(recipient(element)) else None
        except MalformedError:
            return None

    def _onAnswer(self, iq: Any) -> None:
        """A client, or its server, answers a request of ours."""
        asked = self.calls.questions.answered(iq)
        if asked is None:
            return
        iq.handled = True
        session, action = asked
        if iq["type"] == "result":
            session.answeredRequest(action)
        else:
            condition = _conditionOf(iq)
            session.failedRequest(action, condition, fromError(condition, _conditionOf(iq, NS_JINGLE_ERRORS)))

    # What comes from presence

    def available(self, resource: Resource) -> None:
        """A client is online, has changed, or more is known of it."""
        for leg in self.calls.to(resource.jid):
            leg.machine.available()

    def unavailable(self, jid: JID) -> None:
        """A client, or with a bare address every client of a user, went offline."""
        for leg in self.calls.to(jid):
            leg.machine.gone(jid, Ending(EndReason.UNAVAILABLE, "went offline", cause=20))
        for inbound in tuple(self.calls.inbound.values()):
            if inbound.caller == jid:
                inbound.machine.retracted(Ending(EndReason.CANCELLED, "went offline"))

    def failed(self, jid: JID, condition: str, code: int | None) -> None:
        """
        Presence was answered with an error.  A proposal may get through where presence does not, and comes back itself
        if it does not.
        """

    # What comes from other parties

    def dial(self, called: str, caller: Party) -> ILeg:
        """See L{IDialer}."""
        callee = calledUser(called, self._component)
        return OutboundLeg(
            callee=callee,
            us=callerJID(caller, self._component, self._translate),
            link=self.calls,
            clients=self._clients,
            clock=self._clock,
            proceedingTimeout=self._options.proceedingTimeout,
            ringingTimeout=self._options.ringingTimeout,
            served=self._options.served,
            lateAnswer=self._options.lateAnswer,
        )

    # What we send

    def _acknowledge(self, iq: Element) -> None:
        self._send(toResponse(iq, "result"))

    def _refuse(self, iq: Element, refusal: Refusal, why: str) -> None:
        try:
            self._complain(sender(iq), why)
        except MalformedError:
            return  # nobody to tell
        reply = errorReply(iq, refusal.condition, refusal.why)
        if refusal.detail:
            reply.error.addElement((NS_JINGLE_ERRORS, refusal.detail))
        self._send(reply)

    def _terminate(self, jingle: Jingle, reason: Reason) -> None:
        """End a session that we have never begun."""
        self._send(writeJingle(jingle.from_, jingle.to, Action.TERMINATE, jingle.sid, reason.toElement()))

    def _complain(self, jid: JID, why: str) -> None:
        if self._complaints.allow(jid.userhost()):
            _log.info("A request of {jid!r:.120} was refused: {why!r:.120}", jid=jid.full(), why=why)

    def _send(self, stanza: Element) -> None:
        if self.parent is not None:
            self.parent.send(stanza)


def _endingOf(refusal: Refusal) -> Ending:
    """How a call ends that may not even be tried."""
    return evolve(fromError(refusal.condition, refusal.detail), text=refusal.why)


def _conditionOf(stanza: Element, uri: str = NS_XMPP_STANZAS) -> str:
    """The condition of an error stanza (RFC 6120 section 8.3), or another one of C{uri}; empty if there is none."""
    error = next((child for child in stanza.elements() if child.name == "error"), None)
    if error is None:
        return ""
    conditions = (child.name for child in error.elements() if child.name != "text" and child.uri == uri)
    return str(next(conditions, ""))[:64]
