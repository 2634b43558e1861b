# -*- test-case-name: ichatgw.test.check.asking.test_network -*-
# mypy: allow-untyped-calls
"""
The network, as checks ask it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from secrets import token_bytes
from typing import Any, cast

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Factory
from twisted.names import client, dns
from twisted.names.error import DomainError
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw.check.asking.interfaces import Accepts, INetwork, Make, Unreachable
from ichatgw.check.asking.sipexchange import WAITS, Going, connected, overStream, overUDP
from ichatgw.control.protocol import Order, orderLine
from ichatgw.errors import ConfigError, MalformedError
from ichatgw.media.ice import stun
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.runtime.turns import Turns
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.sip.transport.tls import Security
from ichatgw.xmpp.link.trial import tryLogin

ANSWER_TIMEOUT = 3.0
"""Seconds in which a gateway has to say how it is."""

LOGIN_TIMEOUT = 6.0
"""Seconds in which an XMPP server has to take or refuse a login."""

SHORT_WAITS = (0.3, 0.7)
"""Seconds in which it is seen whether a UDP port refuses datagrams."""

MAX_STATUS = 1 << 20


@implementer(INetwork)
class Network:
    """
    See L{INetwork}.

    @ivar security: for SIP over TLS; C{None} if the certificates cannot be used.
    """

    def __init__(self, reactor: Any, addresses: LocalAddresses, security: Security | None, socket: str) -> None:
        """
        @param socket: the control socket of the gateway; empty if it has none.
        """
        self._reactor = reactor
        self._addresses = addresses
        self._socket = socket
        self.security = security

    def status(self) -> Deferred[Mapping[str, object] | None]:
        """See L{INetwork}."""
        if not self._socket:
            return succeed(None)
        asking = _Asking()
        factory = Factory.forProtocol(lambda: asking)
        factory.noisy = False
        wanted = UNIXClientEndpoint(self._reactor, self._socket).connect(factory)
        asked: Deferred[Mapping[str, object] | None] = wanted.addCallback(lambda _: asking.answer)
        asked.addTimeout(ANSWER_TIMEOUT, self._reactor)
        return asked.addErrback(lambda failure: None)

    def login(self, host: str, port: int, name: str, secret: str) -> Deferred[str]:
        """See L{INetwork}."""
        return tryLogin(self._reactor, Turns(self._reactor), host, port, name, secret, LOGIN_TIMEOUT)

    def exchange(self, target: Target, make: Make, accepts: Accepts) -> Deferred[bytes]:
        """See L{INetwork}."""
        there = target.address
        if target.transport is Transport.UDP:
            return self._datagrams(there, make, accepts)
        if target.transport is Transport.TCP:
            return Deferred.fromCoroutine(overStream(self._reactor, there, make, accepts, lambda factory: factory))
        if self.security is None:
            return _failed("our own certificates cannot be used")
        wrap = partial(self.security.wrap, name=target.name or there.host, clock=self._reactor)
        return Deferred.fromCoroutine(overStream(self._reactor, there, make, accepts, wrap))

    def reached(self, server: TransportAddress, isStream: bool) -> Deferred[None]:
        """See L{INetwork}."""
        if isStream:
            going = Factory.forProtocol(Going)
            going.noisy = False
            return Deferred.fromCoroutine(connected(self._reactor, server, going))

        def silent(failure: Failure) -> None:
            failure.trap(Unreachable)
            if not cast(Unreachable, failure.value).isSilent:
                failure.raiseException()

        sent = self._datagrams(server, lambda local: b"", lambda data: True, SHORT_WAITS)
        return sent.addCallbacks(lambda _: None, silent)

    def asked(self, server: TransportAddress, name: str) -> Deferred[None]:
        """See L{INetwork}."""
        resolver = client.Resolver(None, [(server.host, server.port)], reactor=self._reactor)
        answered = resolver.query(dns.Query(name, dns.A, dns.IN), timeout=(1, 2))

        def failed(failure: Failure) -> None:
            if failure.check(DomainError) is None:  # an error that it tells is an answer
                raise Unreachable("no answer")

        told: Deferred[None] = answered.addCallbacks(lambda _: None, failed)
        return told

    def seen(self, server: TransportAddress) -> Deferred[TransportAddress]:
        """See L{INetwork}."""
        transaction = token_bytes(stun.TRANSACTION_OCTETS)
        asked = self._datagrams(
            server, lambda local: stun.query(transaction), lambda data: _seen(data, transaction) is not None
        )

        def read(data: bytes) -> TransportAddress:
            found = _seen(data, transaction)
            if found is None:
                raise Unreachable("it does not say where it sees us")
            return found

        return asked.addCallback(read)

    def _datagrams(
        self, there: TransportAddress, make: Make, accepts: Accepts, waits: tuple[float, ...] = WAITS
    ) -> Deferred[bytes]:
        try:
            local = self._addresses.towards(there.host)
            if local in self._addresses.advertised:
                local = LocalAddresses(self._addresses.configured).towards(there.host)
        except OSError as problem:
            return _failed(f"there is no way to it: {problem.strerror or problem}")
        return overUDP(self._reactor, there, make, accepts, local, waits)


def _failed(why: str) -> Deferred[Any]:
    failed: Deferred[Any] = Deferred()
    failed.errback(Unreachable(why))
    return failed


def _seen(data: bytes, transaction: bytes) -> TransportAddress | None:
    """The address in the answer of a STUN server; C{None} if it is none, or one to somebody else."""
    try:
        message = stun.parse(data)
    except MalformedError:
        return None
    return stun.mapped(message) if message.transaction_id == transaction else None


class _Asking(LineOnlyReceiver):
    """
    Asks a gateway for its status.

    @ivar answer: fires with it.
    """

    delimiter = b"\n"
    MAX_LENGTH = MAX_STATUS
    transport: Any

    def __init__(self) -> None:
        self.answer: Deferred[Mapping[str, object]] = Deferred(lambda cancelled: self._end())

    def connectionMade(self) -> None:
        """Ask."""
        self.sendLine(orderLine(Order("status")))

    def lineReceived(self, line: bytes) -> None:
        """What it says."""
        try:
            done = json.loads(line)["done"]
            if not isinstance(done, dict):
                raise TypeError("no status")
        except (ValueError, TypeError, KeyError, RecursionError) as problem:
            self._over(ConfigError(f"no gateway: {problem}"))
        else:
            self._over(done)

    def connectionLost(self, reason: Any = None) -> None:
        """It is gone."""
        self._over(ConfigError("it has closed the connection"))

    def _over(self, result: Any) -> None:
        if not self.answer.called:
            self.answer.callback(result) if isinstance(result, dict) else self.answer.errback(result)
            self._end()

    def _end(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()
