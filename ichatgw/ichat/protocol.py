# -*- test-case-name: ichatgw.test.gateway.test_tollfraud,ichatgw.test.ichat -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
iChat calls on the component's stream, and the INVITEs that belong to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeVar

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from twisted.words.protocols.jabber.xmlstream import toResponse
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler
from zope.interface import implementer

from ichatgw.calls.nulls import NoCall
from ichatgw.errors import CallError, Congested, MalformedError
from ichatgw.ichat.held import Held
from ichatgw.ichat.inbound import InboundLeg
from ichatgw.ichat.leg import PresenceView
from ichatgw.ichat.options import IChatOptions
from ichatgw.ichat.outbound import OutboundLeg
from ichatgw.ichat.reasons import TO_RESPONSE, fromError
from ichatgw.ichat.selection import variants
from ichatgw.ichat.stanzas import (
    ANSWER_COUNTER_PROPOSALS,
    ANSWER_SETS,
    CounterProposal,
    VCCancel,
    VCRequest,
    VCResponse,
    VCStanza,
    errorIn,
)
from ichatgw.ichat.waiting import WaitingLegs
from ichatgw.interfaces import Arrival, IArrivals, IDialer, IInboundLeg, IInvitationMatcher, ILeg, IOutboundLeg
from ichatgw.model import PCMU, Ending, EndReason, Invitation, Party, SessionDescription
from ichatgw.observe.attempts import Attempts
from ichatgw.observe.callreports import follow
from ichatgw.observe.events import pair
from ichatgw.observe.stream import UNREAD
from ichatgw.runtime.ratelimit import Complaints
from ichatgw.xmpp.presence.access import NO_GUEST, XMPPAccess
from ichatgw.xmpp.presence.presence import IPresenceListener, Resource
from ichatgw.xmpp.stanzas import bareJID, calledUser, errorReply, parseJID, recipient, sender

_log = Logger()
_Stanza = TypeVar("_Stanza", VCRequest, VCResponse, VCCancel, CounterProposal)

_USER_AGENT = "viceroy"
_OFFER = SessionDescription((PCMU,))

#: Ids of our own stanzas begin with what they are, so that an error can be told from another.
_KINDS: dict[type, str] = {
    VCRequest: "vcRequest",
    VCResponse: "vcResponse",
    VCCancel: "vcCancel",
    CounterProposal: "vcCounterProposal",
}


@implementer(IDialer, IInvitationMatcher, IPresenceListener)
class IChatProtocol(XMPPHandler):
    """
    Carries the stanzas of iChat calls, and gives each to the leg it belongs to.

    It knows the legs while they live; what they do is their own business.  A lost link to the server ends no call.
    It listens to presence (add it to C{presence.listeners}), dials C{xmpp:} addresses, and claims the INVITEs of iChats
    (add it to C{endpoint.matchers}): each goes to the leg that waits for it, or is refused.

    @ivar events: told by what messages of legs are known.
    @ivar attempts: told of calls that come to nothing before there is a leg.
    @ivar arrivals: who takes a call that arrives; set before the first stanza.
    """

    arrivals: IArrivals

    def __init__(
        self,
        clock: IReactorTime,
        component: str,
        control: JID,
        presence: PresenceView,
        dialer: IDialer,
        options: IChatOptions,
        allows: Callable[[JID], bool] | None = None,
    ) -> None:
        """
        @param clock: for the time-outs.
        @param component: the component's name.
        @param control: the gateway's own address.
        @param presence: who is online.
        @param dialer: makes the SIP legs towards iChats.
        @param options: how calls are made.
        @param allows: who may call; those of the parent domain if not given.
        """
        super().__init__()
        self._clock = clock
        self._component = component.lower()
        self._control = control
        self._presence = presence
        self._dialer = dialer
        self._options = options
        self._allows = allows or XMPPAccess(component)
        self._ids = count(1)
        self._complaints = Complaints(clock)
        self._legs: set[ILeg] = set()
        self.events = UNREAD
        self.attempts = Attempts(clock, "ichat")
        self._waiting = WaitingLegs(clock, options.waitingLimit)
        self._outbound: dict[JID, dict[JID, OutboundLeg]] = {}

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
        self._observe(VCRequest, self._onRequest, self._onMalformedRequest)
        self._observe(VCResponse, self._onResponse, self._onMalformedResponse)
        self._observe(VCCancel, self._onCancel)
        self._observe(CounterProposal, self._onCounterProposal)
        self.xmlstream.addObserver("/iq[@type='error']", self._onError)

    def _observe(
        self,
        kind: type[_Stanza],
        take: Callable[[Element, _Stanza], None],
        onMalformed: Callable[[Element], None] = lambda iq: None,
    ) -> None:
        def received(iq: Any) -> None:
            iq.handled = True
            try:
                stanza = kind.fromElement(iq)
            except MalformedError as error:
                self._refuse(iq, "bad-request", str(error))
                onMalformed(iq)
            else:
                take(iq, stanza)

        self.xmlstream.addObserver(f"/iq[@type='set']/query[@xmlns='{kind.namespace}']", received)

    def _onRequest(self, iq: Element, request: VCRequest) -> None:
        if not self._allows(request.from_):
            self._refuse(iq, "forbidden", NO_GUEST, NO_GUEST)
            return
        if not request.to.user:
            self._refuse(iq, "item-not-found", "no address is called")
            self._turnedAway(request.from_, request.to, Ending(EndReason.NOT_FOUND, "no address is called"))
            return
        self._succeed(iq)
        waiting = self._waiting.find(request.from_, bareJID(request.to))
        if waiting is None:
            self._arrive(request)
        else:
            waiting.records = request.records
            waiting.machine.repeated()

    def _arrive(self, request: VCRequest) -> None:
        """A new call."""
        called = bareJID(request.to)
        leg = InboundLeg(
            caller=request.from_,
            called=called,
            records=request.records,
            link=self,
            clock=self._clock,
            ourRecords=self._options.ourRecords,
            inviteTimeout=self._options.inviteTimeout,
        )
        try:
            self._waiting.add(leg)
        except Congested as error:
            self._complain(request.from_, called.full(), str(error))
            self.send(VCResponse(request.from_, called, TO_RESPONSE[error.reason]))
            self._turnedAway(request.from_, called, Ending(error.reason, str(error)))
            return
        self._legs.add(leg)
        try:
            self.arrivals.arrived(leg, Arrival(leg.party, f"xmpp:{called.full()}", _OFFER))
        except Exception:
            _log.failure("leg={leg} could not be taken", leg=leg.id)
            leg.hangup(Ending(EndReason.FAILED))

    def _onMalformedRequest(self, iq: Element) -> None:
        if self._allows(sender(iq)):
            self._turnedAway(sender(iq), recipient(iq), Ending(EndReason.FAILED, "its request cannot be read"))

    def _turnedAway(self, user: JID, called: JID, ending: Ending) -> None:
        """A call of one who may call becomes none."""
        self.attempts.refused(f"xmpp:{user.userhost()}", f"xmpp:{called.userhost()}", None, ending)

    def _onResponse(self, iq: Element, response: VCResponse) -> None:
        self._succeed(iq)
        leg = self._findOutbound(response.from_, response.to)
        if leg is None:
            return
        if response.isAccept:
            leg.machine.accepted(response.from_, response.records)
        else:
            leg.machine.declined(response.from_)

    def _onMalformedResponse(self, iq: Element) -> None:
        self._outboundGone(iq, Ending(EndReason.FAILED, "the iChat's response is malformed"))

    def _onCancel(self, iq: Element, cancel: VCCancel) -> None:
        self._succeed(iq)
        leg = self._waiting.find(cancel.from_, bareJID(cancel.to))
        if leg is not None:
            leg.machine.cancelled(Ending(EndReason.CANCELLED))

    def _onCounterProposal(self, iq: Element, proposal: CounterProposal) -> None:
        us, them = bareJID(proposal.to), proposal.from_
        if self._waiting.find(them, us) is None and self._findOutbound(them, us) is None:
            self._refuse(iq, "item-not-found", "a counterProposal outside a call")
            return
        self._succeed(iq)
        if ANSWER_COUNTER_PROPOSALS:
            self.send(CounterProposal(them, us, self._options.ourRecords()))

    def _onError(self, iq: Element) -> None:
        """
        A server or an iChat refuses a stanza of ours.  What it was, the id says: not every server repeats the stanza.
        """
        condition, code = errorIn(iq)
        ending = Ending(fromError(condition, code), f"error {condition or code}")
        kind = (iq.getAttribute("id") or "").partition("-")[0]
        if kind == _KINDS[VCRequest]:
            self._outboundGone(iq, ending)
        elif kind == _KINDS[VCResponse]:
            leg = self._waiting.find(sender(iq), bareJID(recipient(iq)))
            if leg is not None:
                leg.machine.cancelled(ending)

    def _outboundGone(self, iq: Element, ending: Ending) -> None:
        """The sender of this stanza will not take the call."""
        leg = self._findOutbound(sender(iq), recipient(iq))
        if leg is not None:
            leg.machine.gone(sender(iq), ending)

    def _findOutbound(self, them: JID, us: JID) -> OutboundLeg | None:
        return self._outbound.get(bareJID(them), {}).get(bareJID(us))

    def _succeed(self, iq: Element) -> None:
        if ANSWER_SETS and self.parent is not None:
            self.parent.send(toResponse(iq, "result"))

    def _refuse(self, iq: Element, condition: str, why: str, text: str = "") -> None:
        self._complain(sender(iq), iq.getAttribute("to") or "", why)
        if self.parent is not None:
            self.parent.send(errorReply(iq, condition, text))

    def _complain(self, jid: JID, called: str, why: str) -> None:
        if self._complaints.allow(jid.userhost()):
            _log.info(
                "A call of {jid!r:.120} to {called!r:.120} was refused: {why!r:.120}",
                jid=jid.full(),
                called=called,
                why=why,
            )

    # What comes from presence

    def available(self, resource: Resource) -> None:
        """An iChat is online, or has changed."""
        for leg in self._callsTo(resource.jid):
            leg.machine.available()

    def unavailable(self, jid: JID) -> None:
        """A client, or with a bare address every client of a user, went offline."""
        for leg in self._callsTo(jid):
            leg.machine.gone(jid, Ending(EndReason.NOT_FOUND, "is offline", cause=20))

    def failed(self, jid: JID, condition: str, code: int | None) -> None:
        """Presence was answered with an error."""
        ending = Ending(fromError(condition, code), f"presence error {condition or code}")
        for leg in self._callsTo(jid):
            if jid.resource:
                leg.machine.gone(jid, ending)
            else:
                leg.machine.unreachable(ending)

    def _callsTo(self, jid: JID) -> Sequence[OutboundLeg]:
        return tuple(self._outbound.get(bareJID(jid), {}).values())

    # What comes from SIP

    def dial(self, called: str, caller: Party) -> IOutboundLeg:
        """See L{IDialer}."""
        callee = calledUser(called, self._component)
        return OutboundLeg(
            callee=callee,
            caller=caller,
            control=self._control,
            link=self,
            presence=self._presence,
            dialer=self._dialer,
            clock=self._clock,
            options=self._options,
        )

    def claims(self, invitation: Invitation) -> bool:
        """See L{IInvitationMatcher}.  L{WaitingLegs.match} says how far an INVITE of an iChat can be forged."""
        return invitation.userAgent.lower().startswith(_USER_AGENT)

    def objection(self, invitation: Invitation) -> Ending | None:
        """See L{IInvitationMatcher}."""
        try:
            self._waiting.match(invitation)
        except CallError as error:
            return Ending(error.reason, str(error))
        return None

    def invited(self, leg: IInboundLeg, invitation: Invitation) -> None:
        """See L{IInvitationMatcher}.  It belongs to a call that waits for it, or is refused."""
        try:
            match = self._waiting.match(invitation)
        except CallError as error:
            if self._complaints.allow(invitation.source.host):
                _log.info("An INVITE from {source} was refused: {why!r:.120}", source=invitation.source, why=str(error))
            leg.call = NoCall()
            ending = Ending(error.reason, str(error))
            leg.hangup(ending)
            self.attempts.refused(leg.party.uri, "", invitation.source, ending)
            return
        if match.isSure:
            match.leg.machine.invited(leg)
        else:
            leg.call = Held(leg, match.leg, self._waiting)

    # What the legs ask for

    def send(self, stanza: VCStanza) -> None:
        """Send a stanza of a leg."""
        if self.parent is not None:
            self.parent.send(stanza.toElement(f"{_KINDS[type(stanza)]}-{next(self._ids)}"))

    def enrol(self, leg: OutboundLeg, callee: JID, name: str) -> JID:
        """See L{ichatgw.ichat.outbound.OutboundLink}."""
        taken = self._outbound.setdefault(callee, {})
        for variant in variants(name):
            try:
                ours = parseJID(f"{variant}@{self._component}" if variant else self._component)
            except MalformedError:
                continue
            if ours not in taken:
                taken[ours] = leg
                self._legs.add(leg)
                follow(self.events, leg, pair(callee.full(), ours.full()))
                return ours
        raise Congested(f"too many calls of {name!r} to the user")

    def claimed(self, leg: InboundLeg, callId: str) -> None:
        """See L{ichatgw.ichat.inbound.InboundLink}."""
        self._waiting.remove(leg)
        follow(self.events, leg, callId)

    def over(self, leg: InboundLeg | OutboundLeg) -> None:
        """Forget a leg that has ended."""
        self._legs.discard(leg)
        if isinstance(leg, InboundLeg):
            self._waiting.remove(leg)
            return
        callee = bareJID(leg.callee)
        rest = {ours: other for ours, other in self._outbound.get(callee, {}).items() if other is not leg}
        if rest:
            self._outbound[callee] = rest
        else:
            self._outbound.pop(callee, None)
