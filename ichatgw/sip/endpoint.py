# -*- test-case-name: ichatgw.test.test_sip_endpoint -*-
"""
The SIP endpoint: what arrives is judged, answered or made a leg; what is dialled becomes a leg.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from sippy.SipAddress import SipAddress
from sippy.SipContact import SipContact
from sippy.SipHeader import SipHeader
from sippy.SipRoute import SipRoute
from sippy.SipURL import SipURL
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw import sdp
from ichatgw.errors import CallError, MalformedError, NoCommonCodec
from ichatgw.interfaces import IDialer, IInvitations
from ichatgw.model import PCMU, Ending, EndReason, Invitation, Party, SessionDescription, TransportAddress
from ichatgw.passwords import Keyring
from ichatgw.ratelimit import RateLimit
from ichatgw.sip.dialog import Dialog, allow, refusal, sdpText
from ichatgw.sip.digest import Verifier
from ichatgw.sip.exchange import Exchange, Make
from ichatgw.sip.gate import Admitted, Answer, Gate
from ichatgw.sip.hunt import Attempt, Hunt
from ichatgw.sip.identity import callerOf, identityHeaders, plainName, shownAs, uriOf
from ichatgw.sip.inbound import InboundSipLeg
from ichatgw.sip.leg import SipLeg
from ichatgw.sip.logins import Logins, authorization
from ichatgw.sip.outbound import OutboundSipLeg
from ichatgw.sip.reactor import useClock
from ichatgw.sip.registrar import Registrar
from ichatgw.sip.resolver import Resolver
from ichatgw.sip.streamwire import StreamWire
from ichatgw.sip.target import Target, Transport
from ichatgw.sip.text import displayName, userPart
from ichatgw.sip.transactions import Transactions, bracketed, literal
from ichatgw.sip.wire import UDPWire

DRAIN_TIMEOUT = 3.0
"""Seconds that the last BYEs have for being answered when we stop."""

SUPPORTED: frozenset[str] = frozenset()
"""The option tags of RFC 3261 section 19.2 that we can be required to understand."""

_log = Logger()


Place = tuple[str, int | None, Transport | None, bool]
"""What is known of where to go: host, port, transport, and whether TLS is a must; see L{Resolver.targets}."""


class Misaddressed(CallError):
    """A translated address is no SIP URI."""


@implementer(IDialer)
class Endpoint(Service):
    """
    Our end of SIP.

    It owns the wire, the transactions and the live legs.  Arriving calls go to C{invitations}.

    @ivar invitations: set before the service starts.
    @param identity: who calls if the caller has no address of its own.
    @param outboundProxy: where all INVITEs go that are not pinned; C{None} means to the host of the address called.
    @param filtered: payload types that are not offered to SIP parties.
    @param messageLog: takes each message whole.
    @param streams: carries SIP over TCP and TLS.
    @param keyring: with what we log in at servers.
    @param verifier: lets phones log in.
    @param assertsIdentity: whether those whom we call are told who calls even if the caller is private to them.
    """

    invitations: IInvitations

    def __init__(
        self,
        clock: IReactorTime,
        wire: UDPWire,
        resolver: Resolver,
        identity: Party,
        userAgent: str,
        outboundProxy: Place | None = None,
        filtered: frozenset[int] = frozenset(),
        messageLog: Any = None,
        assertsIdentity: bool = False,
        streams: StreamWire | None = None,
        keyring: Keyring | None = None,
        verifier: Verifier | None = None,
    ) -> None:
        self._asserts = assertsIdentity
        self._clock = clock
        self._wire = wire
        self._streams = streams
        self._resolver = resolver
        self._identity = identity
        self._userAgent = userAgent
        self._proxy = outboundProxy
        self._filtered = filtered
        self._verifier = verifier
        self._logins = Logins(keyring, outboundProxy[0] if outboundProxy is not None else None)
        useClock(clock)
        self._transactions = Transactions(wire, self._requested, messageLog, streams)
        self._legs: set[SipLeg] = set()
        self._gate = Gate(supported=SUPPORTED)
        self._made = 0
        self._dropLines = RateLimit(clock, 1, 5)
        self._answers = RateLimit(clock, 20, 50)
        self._drained: Deferred[None] | None = None

    @property
    def legs(self) -> frozenset[SipLeg]:
        """The legs that live now."""
        return frozenset(self._legs)

    @property
    def transactions(self) -> int:
        """How many transactions live now."""
        return len(self._transactions.tclient) + len(self._transactions.tserver)

    def logMessages(self, sink: Any) -> None:
        """Show each message to C{sink} from now on; C{None} for nobody."""
        self._transactions.logMessages(sink)

    def startService(self) -> None:
        """
        Listen.

        @raise ConfigError: if that cannot be.
        """
        self._wire.listen(self.received)
        if self._streams is not None:
            self._streams.listen(self.received, self._transactions.unreachable)
        Service.startService(self)

    def stopService(self) -> Deferred[None]:
        """Let the last requests be answered (at most L{DRAIN_TIMEOUT}), then close.  The legs are gone by now."""
        Service.stopService(self)
        drained = self._drained = Deferred()
        self._drain(self._clock.seconds() + DRAIN_TIMEOUT)
        return drained

    def _drain(self, deadline: float) -> None:
        if self._transactions.tclient and self._clock.seconds() < deadline:
            self._clock.callLater(0.05, self._drain, deadline)
            return
        self._transactions.shutdown()
        self._wire.close()
        if self._streams is not None:
            self._streams.close()
        if self._drained is not None:
            self._drained.callback(None)

    # What arrives.

    def received(self, message: bytes, source: TransportAddress, transport: Transport = Transport.UDP) -> None:
        """A datagram from the wire, or a message from a stream."""
        verdict = self._gate.admit(message, source, transport.name)
        if isinstance(verdict, Admitted):
            self._transactions.incoming(verdict.text, verdict.isRequest, source, transport)
        elif isinstance(verdict, Answer):
            self._dropped(source, verdict.reason)
            if self._answers.allow(source.host):
                self._transactions.send(verdict.response, Target(transport, source))
        elif not verdict.quiet:
            self._dropped(source, verdict.reason)

    def _dropped(self, source: TransportAddress, reason: str) -> None:
        if self._dropLines.allow(source.host):
            _log.debug("Not taken from {source}: {reason}", source=source, reason=reason[:200])

    def _requested(self, request: Any, transaction: Any) -> Any:
        """sippy's callback for a request of no known dialog: a response and two callbacks, or C{None} if answered."""
        method = request.getMethod()
        if method == "ACK":
            return None
        if request.getHFBody("to").getTag() is not None or method == "BYE":
            return self._respond(request, 481, "Call/Transaction Does Not Exist")
        if method == "INVITE":
            return self._invitation(request, transaction)
        if method == "OPTIONS":
            return self._options(request)
        return refusal(request, self._userAgent), None, None

    def _respond(self, request: Any, code: int, phrase: str, *headers: tuple[str, str]) -> Any:
        response = request.genResponse(code, phrase, server=self._userAgent)
        for name, value in headers:
            response.appendHeader(SipHeader(name=name, bodys=value))
        return response, None, None

    def _options(self, request: Any) -> Any:
        response, _, _ = self._respond(request, 200, "OK", ("accept", "application/sdp"), ("accept-language", "en"))
        response.appendHeader(allow())
        return response, None, None

    def _invitation(self, request: Any, transaction: Any) -> Any:
        source = literal(*request.getSource())
        if source is None:
            return self._respond(request, 400, "Bad Request")
        if request.getHFBodys("max-forwards") and request.getHFBody("max-forwards").getNum() <= 0:
            return self._respond(request, 483, "Too Many Hops")
        if source == self._wire.towards(source.host):
            return self._respond(request, 482, "Loop Detected")
        if self._transactions.knows(str(request.getHFBody("call-id")), request.getHFBody("from").getTag()):
            return self._respond(request, 482, "Merged Request")
        body = request.getBody()
        if body is not None and sdpText(body) is None:
            return self._respond(request, 415, "Unsupported Media Type", ("accept", "application/sdp"))
        try:
            offer = None if body is None else sdp.parse(str(body.content))
        except MalformedError as problem:
            return self._respond(request, 400, f"Bad SDP: {problem}")
        except NoCommonCodec:
            return self._respond(request, 488, "Not Acceptable Here")
        return self._arrival(request, transaction, source, offer)

    def _arrival(self, request: Any, transaction: Any, source: TransportAddress, offer: sdp.ParsedSDP | None) -> Any:
        called = request.getHFBody("to").getUri()
        leg = InboundSipLeg(self._name("in"), callerOf(request), self._forget, source, offer)
        if self._verifier is not None and self._verifier.users:
            self._logIn(leg, authorization(request), self._verifier)
        arrival = _Arrival(self, leg, called, request)
        leg.dialog = Dialog(self._transactions, arrival, self._userAgent)
        transport = Transport(str(request.source[1]))
        leg.dialog.lContact = self._contact(Target(transport, source), called.url.username)
        self._legs.add(leg)
        _log.info(
            "leg={leg} INVITE from {source} for {called!r} Call-ID {callId!r}",
            leg=leg.id,
            source=source,
            called=arrival.called[:200],
            callId=str(request.getHFBody("call-id"))[:100],
        )
        return leg.dialog.recvRequest(request, transaction)

    def _logIn(self, leg: InboundSipLeg, text: str, verifier: Verifier) -> None:
        leg.login, stale = verifier.judge(text, "INVITE") if text else (None, False)
        if leg.login is not None:
            # What a phone says of itself holds for its name alone.
            leg.party = evolve(leg.party, uri=f"sip:{userPart(leg.login)}@{verifier.realm}", diversions=())
        leg.challenge = verifier.challenge(stale)

    def _forget(self, leg: SipLeg) -> None:
        self._legs.discard(leg)

    # What is dialled.

    def dial(self, called: str, caller: Party) -> OutboundSipLeg:
        """See L{IDialer}.  The address is looked up when the leg starts."""
        return self._dial(called, caller, None)

    def pinned(self) -> IDialer:
        """
        A dialer for far ends that are reached at one literal address and nowhere else, as an iChat is: every request
        of the dialog goes there.
        """
        return _PinnedDialer(self)

    def _dial(self, called: str, caller: Party, pinned: TransportAddress | None) -> OutboundSipLeg:
        target = _parse(called)
        target.username = userPart(target.username) if target.username else None
        shown = shownAs(caller)
        local = shown if shown.user else self._identity

        def converse(leg: SipLeg) -> Dialog:
            return Dialog(self._transactions, leg, self._userAgent, pinned, None if pinned else self._logins)

        def prepare(dialog: Any, attempt: Attempt) -> tuple[Any, ...]:
            dialog.address(
                SipAddress(name=displayName(local.name), url=_parse(f"sip:{local.uri.partition(':')[2]}")),
                SipAddress(url=_parse(called)),
                attempt.uri.getCopy(),
                self._routes() if pinned is None else [],
                self._contact(attempt.target, userPart(local.user)),
            )
            return () if pinned is not None else identityHeaders(caller, self._asserts)

        leg = OutboundSipLeg(
            self._name("out"),
            Party(called),
            self._forget,
            self._hunt(target) if pinned is None else self._pinnedHunt(target),
            converse,
            prepare,
            self._filtered,
        )
        self._legs.add(leg)
        return leg

    def _routes(self) -> list[Any]:
        if self._proxy is None:
            return []
        host, port, transport, _ = self._proxy
        url = SipURL(host=bracketed(host), port=port, lr=True)
        if transport is not None and transport.reliable:
            url.transport = transport.value
        return [SipRoute(address=SipAddress(url=url))]

    def _hunt(self, url: Any) -> Hunt:
        def locate(uri: Any) -> Deferred[tuple[Target, ...]]:
            return self._resolver.targets(*(where(uri) if self._proxy is None else self._proxy))

        return Hunt(self._clock, url, locate, self._resolver.failed)

    def _pinnedHunt(self, url: Any) -> Hunt:
        return Hunt(
            self._clock, url, lambda uri: self._resolver.targets(uri.host, uri.port, Transport.UDP), _unheard, 0
        )

    def registrar(self) -> Registrar:
        """Sends REGISTERs; those that the outbound proxy is to see go by way of it."""

        def exchange(url: Any, make: Make) -> Deferred[Any]:
            return Exchange(self._transactions, self._hunt(url), self._logins, make).start()

        def contact(attempt: Attempt, user: str | None) -> Any:
            return self._contact(attempt.target, user)

        return Registrar(exchange, contact, self._routes, self._userAgent)

    def _name(self, way: str) -> str:
        self._made += 1
        return f"sip-{way}-{self._made:x}"

    def _contact(self, target: Target, user: str | None) -> Any:
        """Where the far end at C{target} reaches us."""
        local = self._transactions.local(target.address.host, target.transport)
        url = SipURL(username=user, host=bracketed(local.host), port=local.port)
        if target.transport.reliable:
            url.transport = target.transport.value
        return SipContact(address=SipAddress(url=url))


class _Arrival:
    """
    The owner of a dialog until its first event: that one is the call itself, which goes to the invitations; all later
    ones are the leg's.
    """

    def __init__(self, endpoint: Endpoint, leg: InboundSipLeg, called: Any, request: Any) -> None:
        self._endpoint = endpoint
        self._leg = leg
        self.called = uriOf(called.url)
        userAgents = request.getHFBodys("user-agent")
        self._invitation = Invitation(
            leg.source,
            str(userAgents[0])[:200] if userAgents else "",
            plainName(request.getHFBody("from").getUri().name),
            plainName(called.name),
        )

    def event(self, event: Any, dialog: Any) -> None:
        """The arrival."""
        dialog.owner = self._leg
        dialog.event_cb = self._leg.event
        offer = self._leg.offered or SessionDescription((PCMU,))
        try:
            self._endpoint.invitations.invited(self._leg, self.called, offer, self._invitation)
        except Exception:
            _log.failure("leg={leg} could not be taken", leg=self._leg.id)
            self._leg.hangup(Ending(EndReason.FAILED, "internal error"))

    def reoffered(self, body: str | None) -> str | None:
        """No call yet, nothing to re-offer."""
        return None


@implementer(IDialer)
class _PinnedDialer:
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def dial(self, called: str, caller: Party) -> OutboundSipLeg:
        """See L{IDialer}."""
        target = _parse(called)
        pinned = literal(target.host, target.port or 5060)
        if pinned is None:
            raise Misaddressed(f"{called[:100]!r} names no IP address")
        return self._endpoint._dial(called, caller, pinned)


def where(url: Any) -> Place:
    """What a SIP URI says of where it is, for L{Resolver.targets}."""
    secure = url.scheme == "sips"
    return url.host, url.port, Transport.of(url.transport) if url.transport else None, secure


def _unheard(target: Target) -> None:
    """An iChat that does not answer is nobody else's business."""


def _parse(uri: str) -> Any:
    """
    @raise Misaddressed: if it is none.
    """
    try:
        url = SipURL(uri)
        if not url.host or (url.port is not None and not 0 < int(url.port) < 65536):
            raise ValueError("no host, or a port out of range")
    except (ValueError, IndexError, KeyError, AttributeError, TypeError) as problem:
        raise Misaddressed(f"{uri[:100]!r} is no SIP address") from problem
    return url
