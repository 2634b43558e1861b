# -*- test-case-name: ichatgw.test.sip -*-
"""
Requests that begin something: an INVITE becomes a leg, the others are answered here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import evolve
from sippy.CCEvents import CCEventGeneric
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTransactionManager import SipTransaction
from sippy.SipURL import SipURL
from sippy.UA import UA
from twisted.logger import Logger

from ichatgw import sdp
from ichatgw.errors import MalformedError, NoCommonCodec
from ichatgw.interfaces import IArrivals
from ichatgw.model import Ending, EndReason, Party, TransportAddress
from ichatgw.net.hosts import literal
from ichatgw.net.networks import sourceOf
from ichatgw.observe.attempts import Attempts
from ichatgw.sip.auth.authorization import Authorizer
from ichatgw.sip.dialog.capabilities import OPTIONS, refusal
from ichatgw.sip.dialog.dialog import Dialog
from ichatgw.sip.dialog.replaces import Replacement, readReplaces
from ichatgw.sip.dialog.requests import Reply
from ichatgw.sip.dialog.sessiontimer import NO_TERMS, SessionTerms, tooShort
from ichatgw.sip.leg.inbound import InboundSipLeg
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.mediasecurity import PLAIN_ONLY, MediaPolicy, MediaSecurity
from ichatgw.sip.leg.registry import Legs
from ichatgw.sip.leg.renegotiation import Renegotiation
from ichatgw.sip.leg.telling import Telling
from ichatgw.sip.matchers import Matchers
from ichatgw.sip.message.bodies import partsOf, sdpText
from ichatgw.sip.message.gate import ACCEPT
from ichatgw.sip.message.identity import callerOf, invitationOf
from ichatgw.sip.message.sanitize import userPart
from ichatgw.sip.message.status import fromStatus
from ichatgw.sip.message.uris import uriOf
from ichatgw.sip.texts.received import Received
from ichatgw.sip.transaction.layer import Disposition, Transactions
from ichatgw.sip.transfer.outofdialogrefer import OutOfDialogRefer
from ichatgw.sip.transport.listeningpoint import transportOf
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.arrivals import Arrival
from ichatgw.sip.trunk.flow import dialogContact
from ichatgw.sip.trunk.trunks import Trunks

_log = Logger()


class Requests:
    """
    @ivar arrivals: who takes the calls of phones.
    @ivar matchers: claim INVITEs that are none.
    @ivar registered: the address that we have registered with a URI, if it is called by a host (an IP literal).
    @ivar texts: takes MESSAGEs; C{None} if they are refused.
    @ivar toDecides: the called address is that in To, not that in the Request-URI.
    @param realm: the domain of users who have logged in.
    @param policy: how media is protected.
    @param logins: answers challenges to the requests that we send within their calls.
    """

    arrivals: IArrivals
    transactions: Transactions
    outside: OutOfDialogRefer
    trunks: Trunks
    attempts: Attempts
    registered: Callable[[SipURL, str], str | None] = staticmethod(lambda url, source: None)
    toDecides = False
    texts: Received | None = None

    def __init__(
        self,
        legs: Legs,
        userAgent: str,
        realm: str = "",
        policy: MediaPolicy = PLAIN_ONLY,
        terms: SessionTerms = NO_TERMS,
        logins: Authorizer | None = None,
        matchers: Matchers | None = None,
    ) -> None:
        self.matchers = matchers or Matchers()
        self._logins = logins or Authorizer()
        self._policy = policy
        self._terms = terms
        self._legs = legs
        self._userAgent = userAgent
        self._realm = realm

    def join(self, transactions: Transactions, trunks: Trunks, outside: OutOfDialogRefer, attempts: Attempts) -> None:
        """
        Before the first request comes: what is made of the transactions, which have to know of this first.

        @param trunks: by which calls may come.
        @param outside: takes REFERs.
        @param attempts: is told of INVITEs that become no calls.
        """
        self.transactions = transactions
        self.trunks = trunks
        self.outside = outside
        self.attempts = attempts

    def requested(self, request: SipRequest, transaction: SipTransaction) -> Disposition | None:
        """sippy's callback for a request of no known dialog: a response and two callbacks, or C{None} if answered."""
        method = request.getMethod()
        if method == "ACK":
            return None
        if request.getHFBody("to").getTag() is not None or method == "BYE":
            return self._respond(request, 481, "Call/Transaction Does Not Exist")
        if method == "INVITE":
            return self._invitation(request, transaction)
        if method == "OPTIONS":
            return self._asked(request), None, None
        if method == "SUBSCRIBE":
            return self._respond(request, 489, "Bad Event", ("allow-events", "refer"))
        if method == "MESSAGE" and self.texts is not None:
            return self._written(request, self.texts.requested), None, None
        if method == "NOTIFY" and self.texts is not None and self.texts.isSummary(request):
            return self._written(request, self.texts.summarized), None, None
        if method == "REFER" and (source := literal(*request.getSource())) is not None:
            return self.outside.referred(request, source), None, None
        return refusal(request, self._userAgent), None, None

    def _respond(self, request: SipRequest, code: int, phrase: str, *headers: tuple[str, str]) -> Disposition:
        response = request.genResponse(code, phrase, server=self._userAgent)
        for name, value in headers:
            response.appendHeader(SipHeader(name=name, bodys=value))
        return response, None, None

    def _turnAway(
        self, request: SipRequest, source: TransportAddress, code: int, phrase: str, *headers: tuple[str, str]
    ) -> Disposition:
        """An INVITE becomes no call."""
        caller, called = self._sender(request, source, None).uri, uriOf(self._called(request))
        self.attempts.refused(caller, called, source, fromStatus(code, phrase))
        return self._respond(request, code, phrase, *headers)

    def _asked(self, request: SipRequest) -> SipResponse:
        """OPTIONS (RFC 3261 section 11.2).  Some peers take the gateway for unreachable without a Contact."""
        response = OPTIONS.to(request, self._userAgent)
        source = literal(*request.getSource())
        if source is not None:
            contact = self.transactions.contact(Target(transportOf(request), source), None)
            response.appendHeader(SipHeader(name="contact", body=contact))
        return response

    def _written(
        self, request: SipRequest, take: Callable[[SipRequest, Party, str], SipResponse | None]
    ) -> SipResponse | None:
        """
        A MESSAGE, or a NOTIFY about a mailbox.

        @param take: takes it, see L{Received}.
        @return: the response, or C{None} if it follows.
        """
        source = literal(*request.getSource())
        if source is None:
            return Reply(400, "Bad Request").to(request, self._userAgent)
        reply = self._circling(request, source)
        if reply is not None:
            return reply.to(request, self._userAgent)
        byTrunk = self.trunks.find(request, source.host)
        return take(request, self._sender(request, source, byTrunk), self._address(request, source, byTrunk))

    def _address(self, request: SipRequest, source: TransportAddress, byTrunk: Arrival | None) -> str:
        """The address that is called, or written to."""
        if byTrunk is not None:
            return byTrunk.called
        url = self._called(request)
        return self.registered(url, source.host) or uriOf(url)

    def _circling(self, request: SipRequest, source: TransportAddress) -> Reply | None:
        """How a request is answered that goes in circles; C{None} if it does not."""
        if request.getHFBodys("max-forwards") and request.getHFBody("max-forwards").getNum() <= 0:
            return Reply(483, "Too Many Hops")
        if source == self.transactions.local(source.host, Transport.UDP):
            return Reply(482, "Loop Detected")
        return None

    def _sender(self, request: SipRequest, source: TransportAddress, byTrunk: Arrival | None) -> Party:
        """Who has sent a request.  What a phone that has logged in says of itself holds for its name alone."""
        trunk = byTrunk.account.trunk.name if byTrunk is not None else ""
        party = evolve(callerOf(request), origin=sourceOf(source.host), trunk=trunk)
        if request.login is None:
            return party
        return evolve(party, uri=f"sip:{userPart(request.login)}@{self._realm}", diversions=())

    def _invitation(self, request: SipRequest, transaction: SipTransaction) -> Disposition | None:
        source = literal(*request.getSource())
        if source is None:
            return self._respond(request, 400, "Bad Request")
        circling = self._circling(request, source)
        if circling is not None:
            return self._turnAway(request, source, circling.code, circling.phrase)
        if self.transactions.known.isCrowded(str(request.getHFBody("call-id"))):
            return self._turnAway(request, source, 482, "Loop Detected")
        body = request.getBody()
        if body is not None and sdpText(body) is None:
            return self._turnAway(request, source, 415, "Unsupported Media Type", ("accept", ACCEPT))
        short = tooShort(request)
        if short is not None:
            return self._turnAway(request, source, short.code, short.phrase, *short.headers)
        try:
            offer = None if body is None else sdp.parse(str(body.content))
        except MalformedError as problem:
            return self._turnAway(request, source, 400, f"Bad SDP: {problem}")
        except NoCommonCodec:
            return self._turnAway(request, source, 488, "Not Acceptable Here")
        wishes = request.getHFBodys("replaces")
        if wishes and request.getHFBodys("join"):
            return self._turnAway(request, source, 400, "Replaces and Join")  # RFC 3891 section 3
        try:
            wish = readReplaces(str(wishes[0].body)) if wishes else None
        except MalformedError as problem:
            return self._turnAway(request, source, 400, f"Bad Replaces: {problem}")
        return self._arrival(request, transaction, source, offer, wish)

    def _arrival(
        self,
        request: SipRequest,
        transaction: SipTransaction,
        source: TransportAddress,
        offer: sdp.ParsedSDP | None,
        wish: Replacement | None,
    ) -> Disposition | None:
        url = self._called(request)
        byTrunk = self.trunks.find(request, source.host)
        if byTrunk is not None and byTrunk.account.isFull:
            return self._turnAway(request, source, 486, "Busy Here")
        called = self._address(request, source, byTrunk)
        mark = request.getHFBody("from").getTag(), request.getHFBody("cseq").getCSeqNum(), called
        if self.transactions.known.hasArrived(str(request.getHFBody("call-id")), mark):
            return self._respond(request, 482, "Merged Request")
        transport = transportOf(request)
        account = byTrunk.account if byTrunk is not None else None
        policy = self._policy if account is None else self.trunks.policyOf(account)
        protecting = MediaSecurity(evolve(policy), transport is Transport.TLS)
        forget = self._legs.discard if account is None else partial(self._left, account)
        caller = self._sender(request, source, byTrunk)
        leg = InboundSipLeg(self._legs.name("in"), caller, forget, source, offer, protecting)
        leg.parts = partsOf(request.getBody())
        if wish is not None:
            leg.seek = partial(self._legs.judge, wish)
        leg.login = request.login
        if account is not None:
            leg.trunk = account.trunk.name
            account.legs.add(leg)
        logins = self._logins if account is None else account.logins
        arrival = _Arrival(self, leg, called, request)
        leg.dialog = Dialog(self.transactions, arrival, self._userAgent, answers=logins.begin(), terms=self._terms)
        contact = self.transactions.contact(Target(transport, source), url.username, _wantsSecurity(request))
        if byTrunk is not None:
            contact, _ = dialogContact(byTrunk.flow, contact, url.username or "", False)
        leg.dialog.lContact = contact
        leg.dialog.mark = mark
        self._legs.add(leg)
        if account is not None:
            leg.telling = Telling.NEVER
        leg.trail = str(request.getHFBody("call-id"))
        _log.info(
            "leg={leg} INVITE from {source} for {called!r} Call-ID {callId!r}",
            leg=leg.id,
            source=source,
            called=called[:200],
            callId=leg.trail[:100],
        )
        return leg.dialog.recvRequest(request, transaction)

    def _left(self, account: Account, leg: SipLeg) -> None:
        account.legs.discard(leg)
        self._legs.discard(leg)

    def _called(self, request: SipRequest) -> SipURL:
        """Who is called, sippy's C{SipURL}: the Request-URI says it (RFC 3261 section 8.2.2.1)."""
        return request.getHFBody("to").getUri().url if self.toDecides else request.getRURI()


def _wantsSecurity(request: SipRequest) -> bool:
    """Must our Contact be a C{sips} URI (RFC 3261 section 12.1.1)?"""
    back = request.getHFBodys("record-route") or request.getHFBodys("contact")
    return any(url.scheme == "sips" for url in (request.getRURI(), *(each.getUrl() for each in back[:1])))


class _Arrival:
    """
    The owner of a dialog until its first event: that one is the call itself, which is an arrival or is claimed by a
    matcher; all later ones are the leg's.
    """

    def __init__(self, requests: Requests, leg: InboundSipLeg, called: str, request: SipRequest) -> None:
        self._requests = requests
        self._leg = leg
        self.called = called
        self._invitation = invitationOf(request, leg.source)

    def event(self, event: CCEventGeneric, dialog: UA) -> None:
        """The arrival."""
        assert isinstance(dialog, Dialog)
        dialog.owner = self._leg
        dialog.event_cb = self._leg.event
        matcher = self._requests.matchers.of(self._invitation)
        try:
            if matcher is None:
                self._requests.arrivals.arrived(self._leg, self._leg.arrival(self.called))
            else:
                matcher.invited(self._leg, self._invitation)
        except Exception:
            _log.failure("leg={leg} could not be taken", leg=self._leg.id)
            self._leg.hangup(Ending(EndReason.FAILED, "internal error"))

    def requested(self, request: SipRequest) -> Reply | None:
        """Only after the call has arrived."""
        return None

    def lost(self, ending: Ending) -> None:
        """Does nothing: no request of ours is open yet."""

    def identified(self, message: SipMsg) -> None:
        """Does nothing: there is no call yet."""

    @property
    def changes(self) -> Renegotiation:
        """The offers and answers of the leg."""
        return self._leg.changes
