# -*- test-case-name: ichatgw.test.gateway.test_build,ichatgw.test.sip,ichatgw.test.texts.test_gateway -*-
"""
The SIP endpoint: what arrives is judged, answered or made a leg; what is dialled becomes a leg.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sippy.SipResponse import SipResponse
from sippy.SipURL import SipURL
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.config.reading.credentials import Keyring
from ichatgw.errors import MalformedError
from ichatgw.interfaces import IArrivals, IDialer
from ichatgw.media.ice.stun import binding
from ichatgw.model import Party, TransportAddress
from ichatgw.observe.attempts import Attempts
from ichatgw.observe.events import Refused
from ichatgw.observe.stream import UNREAD, Events
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.runtime.steps import atOnce
from ichatgw.runtime.watch import Vital
from ichatgw.sip.admission import Admission, Passed, partiesIn, partiesOf
from ichatgw.sip.auth.authorization import Authorizer
from ichatgw.sip.auth.verifier import Verifier
from ichatgw.sip.dialer import Dialer
from ichatgw.sip.dialog.capabilities import SUPPORTED
from ichatgw.sip.dialog.sessiontimer import SessionTerms
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.outbound import OutboundSipLeg
from ichatgw.sip.leg.registry import Legs
from ichatgw.sip.leg.telling import Telling
from ichatgw.sip.mailbox.subscriptions import Subscriptions
from ichatgw.sip.mailbox.wanted import Wanted
from ichatgw.sip.matchers import Matchers
from ichatgw.sip.message.gate import Admitted, Answer, Dropped, Gate
from ichatgw.sip.message.status import fromStatus
from ichatgw.sip.options import SIPOptions
from ichatgw.sip.register.client import RegisterClient
from ichatgw.sip.register.flowplaces import FlowPlaces
from ichatgw.sip.requests import Requests
from ichatgw.sip.sippylib.clock import useClock
from ichatgw.sip.strangers import Strangers
from ichatgw.sip.texts.messages import Messages
from ichatgw.sip.texts.posts import Post
from ichatgw.sip.texts.received import Received
from ichatgw.sip.transaction.farewells import Goodbyes
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transfer.refer import Referrals
from ichatgw.sip.transport.keepalive import KeepAlives
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.transport.streamframing import PING
from ichatgw.sip.transport.streams import StreamWire
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.sip.transport.udp import UDPWire
from ichatgw.sip.trunk.dialer import Terms
from ichatgw.sip.trunk.trunks import Trunks
from ichatgw.texts.interfaces import ITexts

DRAIN_TIMEOUT = 3.0
"""Seconds that the last BYEs have for being answered when we stop."""

_log = Logger()


@implementer(IDialer)
class Endpoint(Service):
    """
    Our end of SIP.

    It owns the wire, the transactions and the live legs.  Arriving calls go to C{arrivals}, but for INVITEs that a
    matcher claims.

    @ivar matchers: may be added to before the service starts.
    @param options: how calls and registrations are made.
    @param messageLog: takes each message whole.
    @param streams: carries SIP over TCP and TLS.
    @param keyring: with what we log in at servers.
    @param verifier: lets phones log in.
    @ivar terms: what we ask for of session timers; may change.
    @ivar messages: sends texts.
    @ivar trunks: the accounts at servers by which calls come and go.
    @ivar mailboxes: those of registered users, C{userMailboxes} has them subscribed to.
    """

    def __init__(
        self,
        clock: IReactorTime,
        wire: UDPWire,
        resolver: Resolver,
        options: SIPOptions,
        messageLog: Callable[[str, str], None] | None = None,
        streams: StreamWire | None = None,
        keyring: Keyring | None = None,
        verifier: Verifier | None = None,
    ) -> None:
        useClock(clock)
        self._clock, self._wire, self._streams = clock, wire, streams
        self._events = UNREAD
        self._drained: Deferred[None] | None = None
        self._seeking: Deferred[object] | None = None
        self._registrars: list[RegisterClient] = []
        self._subscribesMailboxes = options.subscribesMailboxes
        self._matchers = Matchers()
        self.matchers = self._matchers.registered
        self._legs = legs = Legs()
        self._referrals = legs.referrals = Referrals(clock, legs)
        self.terms = SessionTerms(options.sessionExpires)
        logins = self._loginsFrom(keyring, options)
        realm = verifier.realm if verifier is not None else ""
        agent, perSecond = options.userAgent, options.registrationsPerSecond
        self._requests = Requests(legs, agent, realm, options.policy, self.terms, logins, self._matchers)
        self._transactions = transactions = Transactions(wire, self._requests.requested, messageLog, streams)
        legs.dialogOf = transactions.known.dialogs.find
        self._dialer = Dialer(clock, transactions, resolver, legs, logins, options, self.terms)
        self.messages = Messages(clock, self._post, agent)
        self._received = Received(self.messages, clock, agent, self._respond)
        trunkTerms = Terms(agent, options.identity, options.filtered, options.policy, self.terms)
        self.trunks = Trunks(clock, transactions, resolver, legs, trunkTerms, perSecond)
        self.mailboxes = Wanted(Subscriptions(clock, transactions, agent, perSecond), atOnce)
        self.userMailboxes = self._dialer.mailboxes(self.mailboxes)
        self.goodbyes = Goodbyes(clock, transactions, lambda name: self.trunks.loginsOf(name) or logins, agent)
        self._attempts = Attempts(clock, "sip")
        self._requests.join(transactions, self.trunks, self._dialer.outside(self._referrals), self._attempts)
        self._requests.registered = self._registered
        self._gate = Gate(supported=frozenset(SUPPORTED))
        self._dropLines = RateLimit(clock, 1, 5)
        self._answers = RateLimit(clock, 20, 50)
        self.strangers = Strangers(clock, transactions.known, self._isPeer)
        self._admission = Admission(clock, legs, self.strangers, transactions.known, verifier, self._matchers)
        self._admission.isCrowded = wire.isCrowded
        self._admission.trunks = self.trunks
        self.keepAlives = KeepAlives(clock, self._flows, self._ping, options.keepAlives)
        self.keepAlives.most = self.trunks.registrar.silence
        self._places = FlowPlaces(wire.send, self.trunks.registrar)

    def _loginsFrom(self, keyring: Keyring | None, options: SIPOptions) -> Authorizer:
        proxy = options.outboundProxy
        logins = Authorizer(keyring, proxy[0] if proxy is not None else None)
        logins.served = self._servedAt
        return logins

    def observe(self, events: Events) -> None:
        """Tell C{events} from now on of messages, of refusals, and of the call that each message belongs to."""
        self._events = self._legs.events = self._transactions.events = self._attempts.events = events

    @property
    def texts(self) -> ITexts:
        """Who takes what phones write; set before that is taken."""
        return self._received.texts

    @texts.setter
    def texts(self, taker: ITexts) -> None:
        self._received.texts = taker

    @property
    def arrivals(self) -> IArrivals:
        """Who takes the calls of phones; set before the service starts."""
        return self._requests.arrivals

    @arrivals.setter
    def arrivals(self, taker: IArrivals) -> None:
        self._requests.arrivals = taker

    def admit(self, admits: Callable[[str], bool]) -> None:
        """Let those hosts (IP literals) transfer calls, and lead those that are made to them elsewhere."""
        self._legs.admits = admits
        self._wire.admits = self._isPeer
        if self._streams is not None:
            self._streams.admit(self._isKnown, self.strangers.spend)

    def takeTexts(self, areTaken: bool) -> None:
        """Are MESSAGEs outside of dialogs taken?  If so, C{texts} has been set."""
        self._requests.texts = self._received if areTaken else None
        self._admission.takesTexts = areTaken
        tell = self._received.tell if areTaken else None
        self.trunks.mailboxes.listen(tell)
        self.mailboxes.listen(tell if self._subscribesMailboxes else None)

    def _respond(self, response: SipResponse) -> None:
        """Answer a request that waits for it, if its sender still does."""
        transaction = self._transactions.tserver.get(response.getTId(wBRN=True))
        if transaction is not None:
            self._transactions.sendResponse(response, transaction)

    @property
    def isOverloaded(self) -> bool:
        """Are new calls refused now?"""
        return self._admission.isOverloaded()

    def letToDecide(self, toDecides: bool) -> None:
        """Is the called address that in To, and not that in the Request-URI?"""
        self._requests.toDecides = toDecides

    def tell(self, telling: Telling) -> None:
        """Say to the parties of new calls who is at the other end; see L{Telling}."""
        self._legs.telling = telling

    def shed(self, isOverloaded: Callable[[], bool]) -> None:
        """Refuse new calls while C{isOverloaded} says that there is too much to do."""
        self._admission.isOverloaded = isOverloaded

    def limit(self, isFull: Callable[[Callable[[], Party], str], bool]) -> None:
        """Refuse new calls while C{isFull} says that there is no room, see L{Admission}."""
        self._admission.isFull = isFull

    def heed(self, trouble: Callable[[], str]) -> None:
        """Take no call, and say so to OPTIONS, while C{trouble} says why the gateway is not ready."""
        self._admission.trouble = trouble

    def isProxy(self, host: str) -> bool:
        """See L{Dialer.isProxy}."""
        return self._dialer.isProxy(host)

    @property
    def legs(self) -> frozenset[SipLeg]:
        """The legs that live now."""
        return self._legs.live

    @property
    def transactions(self) -> int:
        """How many transactions live now."""
        return len(self._transactions.tclient) + len(self._transactions.tserver)

    def logMessages(self, sink: Callable[[str, str], None] | None) -> None:
        """Show each message to C{sink} from now on; C{None} ends that."""
        self._transactions.logMessages(sink)

    @property
    def vitals(self) -> tuple[Vital, ...]:
        """The sockets that have to be there for as long as the service runs."""
        return (self._wire,) if self._streams is None else (self._wire, self._streams)

    def startService(self) -> None:
        """
        Listen.

        @raise ConfigError: if that cannot be.
        """
        self._wire.listen(self.received)
        if self._streams is not None:
            self._streams.listen(self.received, self._transactions.errors.unreachable, self._gone)
        self.keepAlives.start()
        self._seeking = self._dialer.seekProxy()
        self.trunks.start()
        Service.startService(self)

    def stopService(self) -> Deferred[None]:
        """Let the last requests be answered (at most L{DRAIN_TIMEOUT}), then close.  The legs are gone by now."""
        Service.stopService(self)
        if self._seeking is not None:
            self._seeking.cancel()
        self.keepAlives.stop()
        self._referrals.close()
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

    def received(self, message: bytes, source: TransportAddress, transport: Transport = Transport.UDP) -> bool:
        """
        A datagram from the wire, or a message from a stream.

        @return: whether its sender may send more now.
        """
        if not self.strangers.lets(message, source.host):
            return False
        # Over a stream, the address of the other end is proved by the connection.
        room = len(message) if transport is Transport.UDP and self._isUnproved(source.host) else None
        if transport is Transport.UDP and len(message) >= 20 and message[0] < 2:
            self._binding(message, source, room)
        else:
            self._judge(message, Target(transport, source), room)
        return True

    def _judge(self, message: bytes, source: Target, room: int | None) -> None:
        verdict = self._gate.admit(message, source.address, source.transport.name)
        if not isinstance(verdict, Dropped):
            self._transactions.heard(message, source)
        if not isinstance(verdict, Admitted):
            if isinstance(verdict, Dropped) or self._answers.allow(source.address.host):
                self._settle(verdict, source, room)
                if isinstance(verdict, Answer) and message.lstrip(b"\r\n").startswith(b"INVITE "):
                    self._tellOf(verdict, source.address, lambda: partiesIn(message))
            return
        self._transactions.show("RECEIVED message from", source, verdict.text)
        judged = self._admission.judge(verdict, source.address, room)
        if isinstance(judged, Passed):
            if verdict.fault and self._dropLines.allow(source.address.host):
                _log.warn(
                    "{source} has taken a call by a response that cannot be read ({why}): it is told that it is over",
                    source=source.address,
                    why=verdict.fault,
                )
            self._transactions.incoming(
                verdict.text, verdict.isRequest, source.address, source.transport, judged.login, verdict.parts
            )
        else:
            self._settle(judged, source, room)
            if isinstance(judged, Answer) and verdict.method == "INVITE":
                self._tellOf(judged, source.address, lambda: partiesOf(verdict))

    def _tellOf(self, answer: Answer, source: TransportAddress, parties: Callable[[], tuple[str, str]]) -> None:
        """
        For those who watch calls: one of a host that may call, or from where a user has logged in, becomes none.

        @param parties: who calls and whom; asked only if somebody wants to know.
        """
        code = int(answer.response[8:11])
        if code != 401 and self._isKnown(source.host) and self._attempts.areTold:
            self._attempts.tell(*parties(), source, fromStatus(code, answer.reason.removeprefix(f"{code} ")))

    def _settle(self, verdict: Answer | Dropped, source: Target, room: int | None) -> None:
        """A message goes no further."""
        if isinstance(verdict, Dropped) and verdict.quiet:
            return
        self._dropped(source.address, verdict.reason)
        if isinstance(verdict, Answer) and self._events.isOn(Refused):
            self._events.publish(Refused(*self._events.now(), None, verdict.reason, str(source.address)))
        if isinstance(verdict, Answer) and (room is None or len(verdict.response) <= room):
            self._transactions.show("SENDING message to", source, verdict.response.decode("utf-8", "replace"))
            self._transactions.send(verdict.response, source)

    def _isKnown(self, host: str) -> bool:
        """May C{host} call, or has a user logged in from there?"""
        return self._isPeer(host) or self.strangers.isProved(host)

    def _isPeer(self, host: str) -> bool:
        """May C{host} call, any address or by a trunk?"""
        return self._legs.admits(host) or self.trunks.areAt(host)

    def _isUnproved(self, host: str) -> bool:
        """May C{host} be a forged source address, whose owner our answers would flood?"""
        return not self._isPeer(host) and not self._transactions.known.dialogs.countOf(host)

    def _binding(self, message: bytes, source: TransportAddress, room: int | None) -> None:
        """STUN, with which phones keep the binding of their NAT open and learn its address (RFC 5626 section 4.4.2)."""
        try:
            if message[0]:
                self._places.heard(message, source)
                return
            response = binding(message, source)
        except MalformedError as problem:
            self._dropped(source, str(problem))
        else:
            if (room is None or len(response) <= room) and self._answers.allow(source.host):
                self._wire.send(response, source)

    def _dropped(self, source: TransportAddress, reason: str) -> None:
        if self._dropLines.allow(source.host):
            _log.debug("Not taken from {source}: {reason}", source=source, reason=reason[:200])

    def dial(self, called: str, caller: Party) -> OutboundSipLeg:
        """See L{IDialer}.  The address is looked up when the leg starts."""
        return self.trunks.dial(called, caller) or self._dialer.dial(called, caller)

    def _post(self, to: str) -> Post:
        return self.trunks.post(to) or self._dialer.post(to)

    def pinned(self) -> IDialer:
        """See L{Dialer.pinned}."""
        return self._dialer.pinned()

    def registrar(self) -> RegisterClient:
        """See L{Dialer.registrar}."""
        made = self._dialer.registrar()
        self._registrars.append(made)
        return made

    def _registered(self, url: SipURL, source: str) -> str | None:
        """See L{RegisterClient.registered}."""
        return next((found for each in self._registrars if (found := each.registered(url, source))), None)

    def _servedAt(self, host: str) -> Iterator[str]:
        """See L{Authorizer.served}."""
        for registrar in self._registrars:
            yield from registrar.servedAt(host)

    # What is kept open.

    def _flows(self) -> Iterator[Target]:
        """Where messages go now: the far ends of calls, and registrars."""
        for leg in self._legs.live:
            try:
                hop = leg.dialog.heardHop if leg.dialog is not None else None
            except Exception:
                _log.failure("call={call} leg={leg} cannot be kept open", call=leg.call.id, leg=leg.id)
                continue
            if hop is not None:
                yield hop
        for registrar in (*self._registrars, self.trunks.registrar):
            yield from registrar.flows

    def _ping(self, target: Target) -> None:
        if target.transport is Transport.UDP:
            if not self._places.ask(target):
                self._wire.send(PING, target.address)
        elif self._streams is not None:
            self._streams.ping(target)

    def _gone(self, target: Target, why: str) -> None:
        self._transactions.errors.cut(target, why)
        for registrar in (*self._registrars, self.trunks.registrar):
            registrar.gone(target)
