# -*- test-case-name: ichatgw.test.test_sip_connections -*-
"""
SIP over TCP and TLS: the connections that there are, whoever made them.

A response goes where its request came from, a request over the connection that there is to its target (RFC 3261 section
18), or over a new one.  What is sent while a connection is made waits for it.  A connection that says nothing for long,
or does not take what we send, is closed; limits hold for each host and for all.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener, IPushProducer
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.ratelimit import RateLimit
from ichatgw.sip.stream import PING, PONG, Framer
from ichatgw.sip.target import Target, Transport
from ichatgw.sip.tls import Security

CONNECT_TIMEOUT = 6.0
"""Seconds for making a connection, TLS included."""

FIRST_WORD_TIMEOUT = 20.0
"""Seconds that one who connects has for his first message, and everybody for the rest of one that has begun."""

IDLE_TIMEOUT = 900.0
"""Seconds without a message or a keepalive after which a connection is closed."""

MOST_CONNECTIONS = 4000
MOST_FROM_HOST = 200
MOST_UNSENT = 256 * 1024
"""Octets that wait for a far end which does not read, or to which there is no connection yet."""

MOST_NAMES = 4096
MOST_GONE = 4096

_log = Logger()

Received = Callable[[bytes, TransportAddress, Transport], None]


@implementer(IPushProducer, IHandshakeListener)
class Connection(Protocol):
    """
    One connection.

    @ivar target: the far end.
    @ivar name: who it has to prove to be, over TLS.
    @ivar problem: why it was closed, in words for the log, if something knew better than the socket.
    """

    def __init__(self, owner: Connections, transport: Transport, target: Target | None, name: str = "") -> None:
        self._owner = owner
        self.kind = transport
        self.outgoing = target is not None
        self.target = target
        self.name = name
        self.problem = ""
        self.ready = False
        self._framer = Framer()
        self._waiting: list[bytes] = []
        self._unsent = 0
        self._full = False
        self._timer: IDelayedCall | None = None
        self._heard = False
        self._begun = False

    # The transport's news.

    def connectionMade(self) -> None:
        """Connected; with TLS the handshake is still to come."""
        assert self.transport is not None
        if self.target is None:
            peer: Any = self.transport.getPeer()
            self.target = Target(self.kind, TransportAddress(peer.host.partition("%")[0], peer.port))
        transport: Any = self.transport
        transport.registerProducer(self, True)
        self._expect(CONNECT_TIMEOUT if self.kind is Transport.TLS else FIRST_WORD_TIMEOUT)
        if self.kind is not Transport.TLS:
            self.usable()

    def handshakeCompleted(self) -> None:
        """The TLS handshake is over; what was to be verified has been, see L{ichatgw.sip.tls}."""
        if not self.problem and self.outgoing:
            self.problem = self._owner.judge(self, self.name)
        if self.problem:
            self.abort(self.problem)
        else:
            self.usable()

    def refused(self, problem: str) -> None:
        """The far end's certificate is no good."""
        self.problem = self.problem or problem

    def usable(self) -> None:
        """What waits may go out."""
        assert self.target is not None
        self.ready = True
        if not self._owner.opened(self):
            self.abort("too many connections")
            return
        self._expect(IDLE_TIMEOUT if self.outgoing else FIRST_WORD_TIMEOUT)
        waiting, self._waiting, self._unsent = self._waiting, [], 0
        for data in waiting:
            self.send(data)

    def dataReceived(self, data: bytes) -> None:
        """Octets from the far end."""
        assert self.target is not None
        try:
            for message in self._framer.feed(data):
                self._heard = True
                self._begun = False
                if message == PING:
                    self.send(PONG)
                else:
                    self._owner.take(message, self.target)
                if self.problem:
                    return
        except MalformedError as problem:
            self.abort(str(problem))
            return
        if not self._framer.partial:
            self._begun = False
            if self._heard:
                self._expect(IDLE_TIMEOUT)
        elif not self._begun:
            self._begun = True
            self._expect(FIRST_WORD_TIMEOUT)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end of it, whoever wanted that."""
        self._stopTimer()
        self._waiting.clear()
        self._owner.closed(self, self.problem or _words(reason))

    # Orders.

    def send(self, data: bytes) -> None:
        """Send, now or when that is possible."""
        if self.ready and not self._full:
            assert self.transport is not None
            self.transport.write(data)
            return
        self._unsent += len(data)
        if self._unsent > MOST_UNSENT:
            self.abort("it does not read what we send")
        else:
            self._waiting.append(data)

    def abort(self, problem: str) -> None:
        """Close at once."""
        self.problem = self.problem or problem
        self._stopTimer()
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    # Back-pressure.

    def pauseProducing(self) -> None:
        """The socket takes no more for now."""
        self._full = True

    def resumeProducing(self) -> None:
        """It takes more."""
        self._full = False
        if self.ready:
            waiting, self._waiting, self._unsent = self._waiting, [], 0
            for data in waiting:
                self.send(data)

    def stopProducing(self) -> None:
        """The connection is over."""

    def _expect(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._owner.clock.callLater(seconds, self._expired)
        else:
            self._timer.reset(seconds)

    def _expired(self) -> None:
        self._timer = None
        self.abort("it said nothing for too long" if self.ready else "the TLS handshake took too long")

    def _stopTimer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Incoming(Factory):
    noisy = False

    def __init__(self, owner: Connections, kind: Transport) -> None:
        self._owner = owner
        self._kind = kind

    def buildProtocol(self, addr: Any) -> Connection | None:
        if not self._owner.admits(addr.host.partition("%")[0]):
            return None
        return Connection(self._owner, self._kind, None)


class _Outgoing(ClientFactory):
    noisy = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: Any) -> Connection:
        return self._connection

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        """There never was a connection."""
        self._connection.connectionLost(reason)


class Connections:
    """
    All of them.

    @ivar clock: for timers, and to connect with (a reactor).
    @ivar received: takes each message.
    @ivar unreachable: is told of a target that cannot be reached; what was sent to it is lost.
    @param host: the address that connections are made from; C{None} for any.
    @param security: puts TLS below; C{None} if there is none.
    """

    received: Received
    unreachable: Callable[[Target], None]

    def __init__(self, reactor: Any, security: Security | None = None, host: str | None = None) -> None:
        self.clock = reactor
        self._security = security
        self._open: dict[Target, Connection] = {}
        self._making: dict[Target, Connection] = {}
        self._hosts: Counter[str] = Counter()
        self._names: OrderedDict[str, str] = OrderedDict()
        self._lines = RateLimit(reactor, 1, 5)
        self._gone: OrderedDict[Target, None] = OrderedDict()
        self._bind = (host, 0) if host else None
        self._closing = False

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._open) + len(self._making)

    def server(self, kind: Transport) -> Factory:
        """
        What accepts connections.

        @raise ValueError: for TLS, if there is none.
        """
        factory = _Incoming(self, kind)
        return factory if kind is Transport.TCP else self._wrap(factory, None)

    def expect(self, target: Target) -> None:
        """Whoever is connected to at C{target} from now on has to prove that he is C{target.name}."""
        if target.transport is Transport.TLS and target.name:
            self._names[target.address.host] = target.name
            self._names.move_to_end(target.address.host)
            if len(self._names) > MOST_NAMES:
                self._names.popitem(last=False)
            there = self._open.get(target)
            if there is not None and there.outgoing and there.name != target.name:
                problem = self.judge(there, target.name)
                if problem:
                    there.abort(f"another domain is called there, for which {problem}")

    def isOpen(self, target: Target) -> bool:
        """Is there a connection to it now?"""
        return target in self._open

    def send(self, data: bytes, target: Target) -> None:
        """Send to C{target}, over a new connection if there is none."""
        connection = self._open.get(target) or self._making.get(target)
        if connection is None:
            if self._closing or target in self._gone:
                _log.debug("Not sent to {target}: the connection is gone", target=target)
                return
            connection = self._connect(target)
        connection.send(data)

    def _connect(self, target: Target) -> Connection:
        name = self._names.get(target.address.host, target.address.host)
        connection = Connection(self, target.transport, target, name)
        self._making[target] = connection
        factory: Factory = _Outgoing(connection)
        if target.transport is Transport.TLS:
            factory = self._wrap(factory, name)
        _log.debug("Connecting to {target}", target=target)
        self.clock.connectTCP(target.address.host, target.address.port, factory, CONNECT_TIMEOUT, self._bind)
        return connection

    def _wrap(self, factory: Factory, name: str | None) -> Factory:
        if self._security is None:
            raise ValueError("there is no TLS")
        return self._security.wrap(factory, name, self.clock)

    def close(self) -> None:
        """Close all."""
        self._closing = True
        for connection in [*self._open.values(), *self._making.values()]:
            connection.abort("we stop")

    # What the connections say.

    def admits(self, host: str) -> bool:
        """May C{host} make one more?"""
        if self.open < MOST_CONNECTIONS and self._hosts[host] < MOST_FROM_HOST and not self._closing:
            return True
        if self._lines.allow(host):
            _log.warn("A connection from {host} is refused: too many", host=host)
        return False

    def opened(self, connection: Connection) -> bool:
        """A connection can be used."""
        target = connection.target
        assert target is not None
        if self._making.get(target) is connection:
            del self._making[target]
        elif not self.admits(target.address.host):
            return False
        self._open[target] = connection
        self._gone.pop(target, None)
        self._hosts[target.address.host] += 1
        _log.debug("Connected {way} {target}", way="to" if connection.outgoing else "from", target=target)
        return True

    def judge(self, connection: Connection, name: str) -> str:
        """What is wrong with the certificate of the far end of C{connection} as one for C{name}; empty if nothing."""
        assert self._security is not None
        transport: Any = connection.transport
        problem = self._security.judge(transport.getPeerCertificate(), name)
        return f"its certificate is refused: {problem}" if problem else ""

    def take(self, message: bytes, source: Target) -> None:
        """A message; what fails there must not stop the connection's other messages."""
        try:
            self.received(message, source.address, source.transport)
        except Exception:
            _log.failure("A message from {source} could not be handled", source=source)

    def closed(self, connection: Connection, why: str) -> None:
        """A connection is over."""
        target = connection.target
        if target is None:
            return
        if self._open.get(target) is connection:
            del self._open[target]
            self._hosts[target.address.host] -= 1
            if not self._hosts[target.address.host]:
                del self._hosts[target.address.host]
            if not connection.outgoing:
                # Nobody listens at the port that it came from.
                self._gone[target] = None
                if len(self._gone) > MOST_GONE:
                    self._gone.popitem(last=False)
            _log.debug("The connection with {target} is closed{why}", target=target, why=f": {why}" if why else "")
            return
        made = self._making.get(target) is connection
        if made:
            del self._making[target]
        if self._closing:
            return
        if self._lines.allow(target.address.host):
            _log.warn(
                "No connection {way} {target}: {why}",
                way="to" if connection.outgoing else "from",
                target=target,
                why=why or "it was closed",
            )
        if made:
            self.unreachable(target)


def _words(reason: Failure) -> str:
    if reason.check(ConnectionDone):
        return ""
    return str(reason.value)[:200] if reason.check(ConnectionClosed, OSError) else f"{reason.value!r}"[:200]
