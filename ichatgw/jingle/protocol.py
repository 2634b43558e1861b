# -*- test-case-name: ichatgw.test.test_jingle_protocol -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Jingle calls on the component's stream.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import ichatgw.xmpp.compat  # noqa: F401  (before wokkel)

# isort: split
from attrs import evolve, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.error import NS_XMPP_STANZAS, StanzaError
from twisted.words.protocols.jabber.jid import JID
from twisted.words.protocols.jabber.xmlstream import toResponse
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler
from zope.interface import implementer

from ichatgw.errors import CallError, MalformedError, NoRoute
from ichatgw.interfaces import IArrivals, IDialer, ILeg, IMediaTransports
from ichatgw.jingle.addresses import callerJID
from ichatgw.jingle.inbound import InboundLeg
from ichatgw.jingle.leg import PROPOSED
from ichatgw.jingle.messages import CallMessage, Word
from ichatgw.jingle.namespaces import NS_ICE_UDP, NS_JINGLE, NS_JINGLE_ERRORS, NS_MESSAGE, NS_RAW_UDP, NS_RECEIPTS
from ichatgw.jingle.outbound import OutboundLeg
from ichatgw.jingle.reasons import fromError, fromReason
from ichatgw.jingle.rules import OUT_OF_ORDER, TIE_BREAK, UNKNOWN_SESSION, Phase, Refusal, endingOf
from ichatgw.jingle.selection import Clients
from ichatgw.jingle.session import Session
from ichatgw.jingle.stanzas import Action, Jingle, Reason, writeJingle
from ichatgw.jingle.xml import writable
from ichatgw.model import Ending, EndReason, Party
from ichatgw.ratelimit import RateLimit
from ichatgw.xmpp.presence import PHONE_RESOURCE, IPresenceListener, Resource
from ichatgw.xmpp.stanzas import bareJID, errorReply, parseJID, recipient, sender

MOST_CALLS_OF_A_USER = 8
"""More calls at once than anybody makes; each costs a call of the gateway."""

MOST_REMEMBERED = 1000
"""Sessions that are over are remembered, as a C{proceed} or a C{session-initiate} may come late."""

_PROPOSE_ID = "jm-propose-"

_log = Logger()


@frozen
class JingleOptions:
    """
    How calls are made.

    @ivar served: the namespaces of the transports that there are.
    @ivar early: a call is accepted as soon as there is early media, so that announcements are heard.
    @ivar lateAnswer: a call counts as answered only when media can flow.
    @ivar proceedingTimeout: seconds to wait for a sign of life of a user of whom nothing is known.
    @ivar ringingTimeout: seconds that clients ring.
    """

    served: frozenset[str] = frozenset({NS_ICE_UDP, NS_RAW_UDP})
    early: bool = False
    lateAnswer: bool = False
    proceedingTimeout: float = 10.0
    ringingTimeout: float = 180.0


@implementer(IDialer, IPresenceListener)
class JingleProtocol(XMPPHandler):
    """
    Carries the stanzas of Jingle calls, and gives each to the leg or session it belongs to.

    It knows those while they live; what they do is their own business.  A lost link to the server ends no call.  It
    listens to presence (add it to C{presence.listeners}), and dials C{xmpp:} addresses.

    @ivar arrivals: who takes a call that arrives; set before the first stanza.
    @ivar transports: makes the transports of media.
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
        @param show: shows a client (first) one of our addresses (second), with what it can.
        @param translate: the translation rules.
        @param allows: who may call.
        """
        super().__init__()
        self.transports = transports
        self._clock = clock
        self._component = component.lower()
        self._clients = clients
        self._show = show
        self._translate = translate
        self._allows = allows
        self._options = options
        self._ids = count(1)
        self._complaints = RateLimit(clock, 1 / 60, 1)
        self._proposals = RateLimit(clock, 0.5, 10)
        self._legs: set[ILeg] = set()
        self._sessions: dict[tuple[JID, str], Session] = {}
        self._asked: dict[str, tuple[Session, Action]] = {}
        self._inbound: dict[tuple[JID, str], InboundLeg] = {}
        self._outbound: dict[tuple[JID, str], OutboundLeg] = {}
        self._past: OrderedDict[tuple[JID, str], None] = OrderedDict()

    @property
    def legs(self) -> Sequence[ILeg]:
        """The legs that live."""
        return tuple(self._legs)

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
        session = self._sessions.get((jingle.from_, jingle.sid))
        if session is not None and bareJID(session.us) == bareJID(jingle.to):
            refusal = session.refusal(jingle)
            if refusal is not None:
                self._refuse(iq, refusal, f"{jingle.action and jingle.action.value} {refusal.detail}")
            else:
                self._acknowledge(iq)
                session.take(jingle)
        elif jingle.action is Action.INITIATE:
            self._initiated(iq, jingle)
        else:
            self._refuse(iq, UNKNOWN_SESSION, "no such session")

    def _initiated(self, iq: Element, jingle: Jingle) -> None:
        user = bareJID(jingle.from_)
        leg = self._inbound.get((user, jingle.sid))
        if leg is not None:
            if leg.awaitsSession and jingle.from_ == leg.caller:
                self._acknowledge(iq)
                leg.machine.initiated(jingle)
            else:
                self._refuse(iq, OUT_OF_ORDER, "the call is not accepted")
            return
        refusal = self._objection(jingle.from_, jingle.to) or self._tie(jingle)
        if refusal is not None:
            self._refuse(iq, refusal, f"may not call: {refusal.condition}")
            return
        self._acknowledge(iq)
        if (user, jingle.sid) in self._past:
            reason = Reason("cancel", "the call is over").toElement()
            self._send(writeJingle(jingle.from_, jingle.to, Action.TERMINATE, jingle.sid, reason))
            return
        self._arrive(InboundLeg(
            caller=jingle.from_, us=jingle.to, sid=jingle.sid, link=self, clock=self._clock, early=self._options.early
        ), jingle)  # fmt: skip

    def _arrive(self, leg: InboundLeg, jingle: Jingle | None) -> None:
        """A new call, with the client's offer if it made one."""
        self._legs.add(leg)
        self._inbound[bareJID(leg.caller), leg.sid] = leg
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
            return Refusal("forbidden")
        if not to.user:
            return Refusal("item-not-found")
        if (
            not self._proposals.allow(user)
            or sum(1 for caller, _ in self._inbound if caller == user) >= MOST_CALLS_OF_A_USER
        ):
            return Refusal("resource-constraint")
        return None

    def _tie(self, jingle: Jingle) -> Refusal | None:
        """Both call each other at once: the session with the lower name goes on (XEP-0166 section 7.2.3)."""
        for (them, sid), session in self._sessions.items():
            ours = them == jingle.from_ and bareJID(session.us) == bareJID(jingle.to)
            if ours and session.isInitiator and session.phase is Phase.PENDING and sid < jingle.sid:
                return TIE_BREAK
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
        inbound = self._inbound.get((user, message.sid))
        if inbound is not None and bareJID(inbound.us) == us:
            if message.word in (Word.RETRACT, Word.FINISH):
                ending = fromReason(message.reason, False) if message.reason else Ending(EndReason.CANCELLED)
                inbound.machine.retracted(Ending(EndReason.CANCELLED, ending.text))
            return
        outbound = self._outbound.get((user, message.sid))
        if outbound is not None and bareJID(outbound.us) == us:
            self._aboutOurs(outbound, message)
        elif message.word is Word.PROCEED and (user, message.sid) in self._past:
            reason = Reason("expired", "the call is over")
            self.say(CallMessage(message.from_, message.to, Word.FINISH, message.sid, reason=reason))

    def _aboutOurs(self, leg: OutboundLeg, message: CallMessage) -> None:
        if message.word is Word.RINGING:
            leg.machine.rang()
        elif message.word is Word.PROCEED and message.from_.resource:
            leg.machine.proceeded(message.from_)
        elif message.word in (Word.REJECT, Word.FINISH):
            ending = Ending(EndReason.BUSY, "rejected", cause=17)
            if message.reason is not None and message.reason.condition and not message.tieBreak:
                ending = fromReason(message.reason, False)
            leg.machine.rejected(ending)

    def _proposed(self, message: CallMessage) -> None:
        user, called = bareJID(message.from_), bareJID(message.to)
        if not message.from_.resource or (user, message.sid) in self._inbound or (user, message.sid) in self._past:
            return
        refusal = self._objection(message.from_, message.to)
        if refusal is not None:
            self._complain(message.from_, f"may not call: {refusal.condition}")
            self.bounce(message, refusal.condition, "")
            return
        us = parseJID(f"{called.full()}/{PHONE_RESOURCE}")
        if not message.known or message.media != ("audio",):
            self._complain(message.from_, f"proposes {' '.join(message.media)[:60]}")
            reason = Reason("unsupported-applications", "only audio is carried")
            self.say(CallMessage(message.from_, us, Word.REJECT, message.sid, reason=reason))
            return
        if any(leg.isProposed and bareJID(leg.us) == called and leg.sid < message.sid for leg in self._callsTo(user)):
            expired = Reason("expired")  # both call each other at once (XEP-0353 section 3.7)
            self.say(CallMessage(message.from_, us, Word.REJECT, message.sid, reason=expired, tieBreak=True))
            return
        self._arrive(InboundLeg(
            caller=message.from_, us=us, sid=message.sid, link=self, clock=self._clock, proposal=message,
            early=self._options.early
        ), None)  # fmt: skip

    def _onReceipt(self, element: Any) -> None:
        """Older Conversations say by it that they ring."""
        sid = (element.received.getAttribute("id") or "").removeprefix(_PROPOSE_ID)
        leg = self._proposedIn(element, sid)
        if leg is not None:
            leg.machine.rang()

    def _onMessageError(self, element: Element) -> None:
        """The proposal comes back; not every server says which it was but by its id."""
        sid = (element.getAttribute("id") or "").removeprefix(_PROPOSE_ID)
        leg = self._proposedIn(element, sid)
        if leg is not None:
            leg.machine.bounced(sender(element), fromError(_conditionOf(element)))

    def _proposedIn(self, element: Element, sid: str) -> OutboundLeg | None:
        try:
            leg = self._outbound.get((bareJID(sender(element)), sid))
            return leg if leg is not None and bareJID(leg.us) == bareJID(recipient(element)) else None
        except MalformedError:
            return None

    def _onAnswer(self, iq: Any) -> None:
        """A client, or its server, answers a request of ours."""
        asked = self._asked.get(iq.getAttribute("id") or "")
        if asked is None:
            return
        session, action = asked
        if iq.getAttribute("from") != session.them.full():
            return
        iq.handled = True
        del self._asked[iq["id"]]
        if iq["type"] == "error":
            condition = _conditionOf(iq)
            session.failedRequest(action, condition, fromError(condition, _conditionOf(iq, NS_JINGLE_ERRORS)))

    # What comes from presence

    def available(self, resource: Resource) -> None:
        """A client is online, has changed, or more is known of it."""
        for leg in self._callsTo(resource.jid):
            leg.machine.available()

    def unavailable(self, jid: JID) -> None:
        """A client, or with a bare address every client of a user, went offline."""
        for leg in self._callsTo(jid):
            leg.machine.gone(jid, Ending(EndReason.UNAVAILABLE, "went offline", cause=20))
        for inbound in tuple(self._inbound.values()):
            if inbound.caller == jid:
                inbound.machine.retracted(Ending(EndReason.CANCELLED, "went offline"))

    def failed(self, jid: JID, condition: str, code: int | None) -> None:
        """
        Presence was answered with an error.  A proposal may get through where presence does not, and comes back itself
        if it does not.
        """

    def _callsTo(self, jid: JID) -> Sequence[OutboundLeg]:
        user = bareJID(jid)
        return [leg for (callee, _), leg in tuple(self._outbound.items()) if callee == user]

    # What comes from other parties

    def dial(self, called: str, caller: Party) -> ILeg:
        """See L{IDialer}."""
        scheme, _, address = called.partition(":")
        try:
            callee = parseJID(address.partition("?")[0])
        except MalformedError as error:
            raise NoRoute(str(error)) from error
        if scheme.lower() != "xmpp" or not callee.user:
            raise NoRoute(f"not the address of a user: {called[:80]!r}")
        if callee.host == self._component:
            raise NoRoute("the gateway does not call itself")
        return OutboundLeg(
            callee=callee,
            us=callerJID(caller, self._component, self._translate),
            link=self,
            clients=self._clients,
            clock=self._clock,
            proceedingTimeout=self._options.proceedingTimeout,
            ringingTimeout=self._options.ringingTimeout,
            served=self._options.served,
            lateAnswer=self._options.lateAnswer,
        )

    # What the legs and sessions ask for

    def ask(self, session: Session, action: Action, *payload: Element) -> None:
        """See L{ichatgw.jingle.borders.SessionLink}."""
        initiator = None
        if action in (Action.INITIATE, Action.ACCEPT):
            initiator = session.us if session.isInitiator else session.them
        iq = writeJingle(session.them, session.us, action, session.sid, *payload, initiator=initiator)
        iq["id"] = f"jingle-{next(self._ids)}"
        self._asked[iq["id"]] = (session, action)
        self._send(iq)

    def enter(self, session: Session) -> None:
        """See L{ichatgw.jingle.borders.SessionLink}."""
        self._sessions[session.them, session.sid] = session

    def leave(self, session: Session) -> None:
        """See L{ichatgw.jingle.borders.SessionLink}."""
        if self._sessions.get((session.them, session.sid)) is session:
            del self._sessions[session.them, session.sid]
            self._remember(bareJID(session.them), session.sid)
        for id in [id for id, (whose, _) in self._asked.items() if whose is session]:
            del self._asked[id]

    def say(self, message: CallMessage) -> None:
        """See L{ichatgw.jingle.leg.LegLink}."""
        self._send(message.toElement())

    def bounce(self, message: CallMessage, condition: str, text: str) -> None:
        """See L{ichatgw.jingle.leg.LegLink}."""
        element = evolve(message, to=message.from_, from_=message.to).toElement()
        element["type"] = "error"
        element.addChild(StanzaError(condition, text=writable(text) or None).getElement())
        self._send(element)

    def receipt(self, message: CallMessage) -> None:
        """See L{ichatgw.jingle.leg.LegLink}."""
        if message.wantsReceipt and message.id:
            self._send(message.receipt())

    def show(self, to: JID, us: JID) -> None:
        """See L{ichatgw.jingle.leg.LegLink}."""
        self._show(to, us)

    def enrol(self, leg: OutboundLeg) -> None:
        """See L{ichatgw.jingle.outbound.OutboundLink}."""
        self._legs.add(leg)
        self._outbound[bareJID(leg.callee), leg.sid] = leg

    def over(self, leg: ILeg) -> None:
        """Forget a leg that has ended."""
        self._legs.discard(leg)
        if isinstance(leg, InboundLeg):
            self._inbound.pop((bareJID(leg.caller), leg.sid), None)
            self._remember(bareJID(leg.caller), leg.sid)
        elif isinstance(leg, OutboundLeg):
            self._outbound.pop((bareJID(leg.callee), leg.sid), None)
            self._remember(bareJID(leg.callee), leg.sid)

    def _remember(self, user: JID, sid: str) -> None:
        self._past[user, sid] = None
        self._past.move_to_end((user, sid))
        if len(self._past) > MOST_REMEMBERED:
            self._past.popitem(last=False)

    def _acknowledge(self, iq: Element) -> None:
        self._send(toResponse(iq, "result"))

    def _refuse(self, iq: Element, refusal: Refusal, why: str) -> None:
        try:
            self._complain(sender(iq), why)
        except MalformedError:
            return  # nobody to tell
        reply = errorReply(iq, refusal.condition)
        if refusal.detail:
            reply.error.addElement((NS_JINGLE_ERRORS, refusal.detail))
        self._send(reply)

    def _complain(self, jid: JID, why: str) -> None:
        if self._complaints.allow(jid.userhost()):
            _log.info("A request of {jid!r:.120} was refused: {why!r:.120}", jid=jid.full(), why=why)

    def _send(self, stanza: Element) -> None:
        if self.parent is not None:
            self.parent.send(stanza)


def _conditionOf(stanza: Element, uri: str = NS_XMPP_STANZAS) -> str:
    """The condition of an error stanza (RFC 6120 section 8.3), or another one of C{uri}; empty if there is none."""
    error = next((child for child in stanza.elements() if child.name == "error"), None)
    if error is None:
        return ""
    conditions = (child.name for child in error.elements() if child.name != "text" and child.uri == uri)
    return str(next(conditions, ""))[:64]
