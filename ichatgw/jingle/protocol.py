# -*- test-case-name: ichatgw.test.jingle.test_protocol,ichatgw.test.jingle.test_inbound,ichatgw.test.jingle.session.test_session,ichatgw.test.jingle.test_fork -*-  # noqa: E501
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Jingle calls on the component's stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from twisted.words.protocols.jabber.xmlstream import toResponse
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler
from zope.interface import implementer

from ichatgw.errors import CallError, MalformedError
from ichatgw.interfaces import Arrival, IArrivals, IDialer, ILeg, IMediaTransports, IOutboundLeg
from ichatgw.jingle.calls import Calls
from ichatgw.jingle.inbound import InboundLeg
from ichatgw.jingle.jmi import Announcements
from ichatgw.jingle.leg import PROPOSED
from ichatgw.jingle.options import JingleOptions
from ichatgw.jingle.outbound import OutboundLeg
from ichatgw.jingle.selection import Clients
from ichatgw.jingle.session.actions import OUT_OF_ORDER, TIE_BREAK, UNKNOWN_SESSION, Refusal, endingOf
from ichatgw.jingle.session.interfaces import SessionOwner
from ichatgw.jingle.session.reasons import fromError, ofRefusal, toReason
from ichatgw.jingle.stanzas.jingle import Action, Jingle, Reason, conditionOf, writeJingle
from ichatgw.jingle.stanzas.namespaces import NS_JINGLE, NS_JINGLE_ERRORS, NS_MESSAGE
from ichatgw.jingle.stanzas.proposals import Word
from ichatgw.model import Ending, EndReason, Party
from ichatgw.observe.attempts import Attempts
from ichatgw.runtime.ratelimit import Complaints, RateLimit
from ichatgw.xmpp.calleraddress import callerJID
from ichatgw.xmpp.presence.access import NO_GUEST
from ichatgw.xmpp.presence.presence import IPresenceListener, Resource
from ichatgw.xmpp.stanzas import NS_RECEIPTS, bareJID, calledUser, errorReply, sender

MAX_CALLS_OF_A_USER = 8
"""More calls at once than anybody makes; each costs a call of the gateway."""

MAX_CALLERS = 4096
"""Users who called in the last seconds; more than can be, as each of them costs a call."""

_log = Logger()


@implementer(IDialer, IPresenceListener)
class JingleProtocol(XMPPHandler):
    """
    Carries the stanzas of Jingle calls, and gives each to the leg or session it belongs to.

    It knows those while they live; what they do is their own business.  A lost link to the server ends no call.  It
    listens to presence (add it to C{presence.listeners}), and dials C{xmpp:} addresses.

    @ivar arrivals: who takes a call that arrives; set before the first stanza.
    @ivar calls: those that there are.
    @ivar attempts: told of calls that come to nothing before there is a leg.
    @ivar named: is told the name under which a caller calls a user (first) from our address (second).
    @ivar ringsOn: whether a call to a user, by the bare address, waits for clients that sleep as for those that ring.
    """

    arrivals: IArrivals
    named: Callable[[JID, JID, str], None] = staticmethod(lambda user, ours, name: None)
    ringsOn: Callable[[str], bool] = staticmethod(lambda user: True)

    def __init__(
        self,
        clock: IReactorTime,
        wallTime: Callable[[], float],
        component: str,
        clients: Clients,
        transports: IMediaTransports,
        translate: Callable[[str], str],
        allows: Callable[[JID], bool],
        options: JingleOptions = JingleOptions(),  # noqa: B008  (frozen)
    ) -> None:
        """
        @param clock: for the time-outs.
        @param wallTime: gives the seconds since 1970.
        @param component: the component's name.
        @param clients: who is online, with what.
        @param transports: makes the transports of media.
        @param translate: the translation rules.
        @param allows: who may call.
        """
        super().__init__()
        self.calls = Calls(transports=transports, send=self._send, show=clients.show)
        self.attempts = Attempts(clock, "jingle")
        self._clock = clock
        self._component = component.lower()
        self._clients = clients
        self._translate = translate
        self._allows = allows
        self._options = options
        self._complaints = Complaints(clock)
        self._proposals = RateLimit(clock, 0.5, 10, MAX_CALLERS)
        self._announcements = Announcements(
            calls=self.calls,
            clock=clock,
            wallTime=wallTime,
            early=options.early,
            objection=self._objection,
            complain=self._complain,
            turnedAway=self._turnedAway,
            arrive=self._arrive,
        )

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
            self.xmlstream.addObserver(f"/message/{word.value}[@xmlns='{NS_MESSAGE}']", self._announcements.said)
        self.xmlstream.addObserver(f"/message/received[@xmlns='{NS_RECEIPTS}']", self._announcements.received)
        self.xmlstream.addObserver("/message[@type='error']", self._announcements.failed)
        self.xmlstream.addObserver("/iq[@type='error']", self._onAnswer)
        self.xmlstream.addObserver("/iq[@type='result']", self._onAnswer)

    def _onJingle(self, iq: Any) -> None:
        iq.handled = True
        try:
            jingle = Jingle.fromElement(iq)
        except MalformedError as error:
            self._refuse(iq, Refusal("bad-request"), str(error))
            self._endMalformed(iq, str(error))
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
            isLate = jingle.action is Action.TERMINATE or self.calls.isOver(bareJID(jingle.from_), jingle.sid)
            self._refuse(iq, UNKNOWN_SESSION, "" if isLate else "no such session")

    def _endMalformed(self, iq: Element, why: str) -> None:
        """
        End a session that was offered or accepted in a way that cannot be read: not all clients look at the error, and
        the other party would wait.
        """
        try:
            outline = Jingle.outline(iq)
        except MalformedError:
            return
        ending = Ending(EndReason.FAILED, why)
        session = self.calls.session(outline.from_, outline.to, outline.sid)
        if session is not None:
            if outline.action is Action.ACCEPT and session.refusal(outline) is None:
                session.terminate(ending)
                session.owner.sessionEnded(session, ending)
        elif outline.action is Action.INITIATE and self._allows(outline.from_):
            self._terminate(outline, Reason("general-error", why))
            leg = self.calls.inbound.get((bareJID(outline.from_), outline.sid))
            if leg is None:
                self._turnedAway(outline.from_, outline.to, ending)
            elif leg.awaitsSession and leg.caller == outline.from_:
                leg.machine.retracted(ending)

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
            self._terminate(jingle, toReason(ofRefusal(refusal)))
            self._turnedAway(jingle.from_, jingle.to, ofRefusal(refusal))
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

    def _guarded(self, leg: SessionOwner[Any], take: Callable[[Jingle], None], jingle: Jingle) -> None:
        """An error of ours in what a client asks for ends its call, and no other."""
        try:
            take(jingle)
        except Exception:
            _log.failure("call={call} leg={leg} could not go on", call=leg.call.id, leg=leg.id)
            leg.hangup(Ending(EndReason.FAILED, "internal error"))

    def _arrive(self, leg: InboundLeg, jingle: Jingle | None = None) -> None:
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
                self._turnedAway(jingle.from_, jingle.to, endingOf(error))
                return
            offer = leg.session.offer
        try:
            self.arrivals.arrived(leg, Arrival(leg.party, f"xmpp:{bareJID(leg.us).full()}", offer))
        except Exception:
            _log.failure("leg={leg} could not be taken", leg=leg.id)
            leg.hangup(Ending(EndReason.FAILED))

    def _turnedAway(self, user: JID, called: JID, ending: Ending) -> None:
        """A call becomes none.  What is tried by those who may not call is not told of."""
        if self._allows(user):
            self.attempts.refused(f"xmpp:{user.userhost()}", f"xmpp:{called.userhost()}", None, ending)

    def _objection(self, from_: JID, to: JID) -> Refusal | None:
        """Why a call may not even be tried."""
        user = bareJID(from_)
        if not self._allows(from_):
            return Refusal("forbidden", why=NO_GUEST)
        if not to.user:
            return Refusal("item-not-found")
        if not self._proposals.allow(user) or len(self.calls.by(user)) >= MAX_CALLS_OF_A_USER:
            return Refusal("resource-constraint", why="too many calls of this user")
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
            condition = conditionOf(iq)
            session.failedRequest(action, condition, fromError(condition, conditionOf(iq, NS_JINGLE_ERRORS)))

    # What comes from presence

    def available(self, resource: Resource) -> None:
        """A client is online, has changed, or more is known of it."""
        for leg in self.calls.to(resource.jid):
            leg.machine.available()

    def unavailable(self, jid: JID) -> None:
        """A client, or with a bare address every client of a user, went offline."""
        for leg in self.calls.to(jid):
            leg.machine.gone(jid, Ending(EndReason.UNAVAILABLE, "went offline", cause=20))
        for inbound in self.calls.by(jid):
            if inbound.caller == jid:
                inbound.machine.retracted(Ending(EndReason.CANCELLED, "went offline"))
                self.calls.letReturn(bareJID(jid), inbound.sid)

    def failed(self, jid: JID, condition: str, code: int | None) -> None:
        """
        Presence was answered with an error.  A proposal may get through where presence does not, and comes back itself
        if it does not.
        """

    # What comes from other parties

    def dial(self, called: str, caller: Party) -> IOutboundLeg:
        """See L{IDialer}."""
        callee = calledUser(called, self._component)
        us = callerJID(caller, self._component, self._translate)
        self.named(callee, us, caller.name)
        return OutboundLeg(
            callee=callee,
            us=us,
            name=caller.name,
            link=self.calls,
            clients=self._clients,
            clock=self._clock,
            options=self._options,
            ringsOn=self.ringsOn(callee.userhost()),
        )

    # What we send

    def _acknowledge(self, iq: Element) -> None:
        self._send(toResponse(iq, "result"))

    def _refuse(self, iq: Element, refusal: Refusal, why: str) -> None:
        """@param why: for the log; empty if it is nothing to be concerned about: the last words of both sides cross."""
        try:
            jid = sender(iq)
        except MalformedError:
            return  # no valid address to answer
        if why:
            self._complain(jid, why)
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
