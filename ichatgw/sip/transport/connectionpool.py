# -*- test-case-name: ichatgw.test.sip.transport.test_connectionpool,ichatgw.test.sip.transport.test_tls,ichatgw.test.sip.transport.test_streams -*-  # noqa: E501
"""
SIP over TCP and TLS: all connections, those that far ends opened and those that we opened.

A response goes where its request came from, a request over the connection that there is to its target (RFC 3261 section
18), or over a new one.  What is sent while a connection is made waits for it.  A connection that says nothing for long,
or does not take what we send, is closed; L{ichatgw.sip.transport.connectionlimits} says who may connect, and who has to
go for it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IConnector
from twisted.internet.protocol import ClientFactory, Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.model import TransportAddress
from ichatgw.net.networks import sourceOf
from ichatgw.runtime.ratelimit import Complaints, RateLimit
from ichatgw.runtime.turns import Turns
from ichatgw.sip.transport.connection import CONNECT_TIMEOUT, FAULT_OF_TLS, Connection
from ichatgw.sip.transport.connectionlimits import Places
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.sip.transport.tls import Security

MAX_ALIASES = 4
"""How many aliases one connection may have."""

HANDSHAKE = 7 * 1024
"""A TLS handshake takes as long as a message of so many octets."""

MAX_NAMES = 4096
MAX_GONE = 4096

_log = Logger()

Received = Callable[[bytes, TransportAddress, Transport], object]


class _Incoming(Factory):
    noisy = False

    def __init__(self, owner: Connections, kind: Transport, closed: Callable[[], object]) -> None:
        self._owner = owner
        self._kind = kind
        self._closed = closed

    def stopFactory(self) -> None:
        """The socket is closed."""
        self._closed()

    def buildProtocol(self, addr: Any) -> Connection | None:
        if not self._owner.admits(addr.host.partition("%")[0], HANDSHAKE if self._kind is Transport.TLS else 0):
            return None
        return Connection(self._owner, self._kind, None)


class _Outgoing(ClientFactory):
    noisy = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: object) -> Connection:
        return self._connection

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """There never was a connection."""
        self._connection.connectionLost(reason)


class Connections:
    """
    All of them.

    @ivar clock: for timers, and to connect with (a reactor).
    @ivar turns: when a message has its turn.
    @ivar received: takes each message; C{False} says that its sender sends too much.
    @ivar unreachable: is told of a target that cannot be reached, and why; what was sent to it is lost.
    @ivar gone: is told of a target to which there is a connection no more, and why if that is known.
    @ivar mayCall: tells of hosts (IP literals) that may call; the others are strangers.
    @ivar pays: tells whether a stranger may do what costs as much as a message of so many octets.
    @param host: the address that connections are made from; C{None} for any.
    @param security: puts TLS below; C{None} if there is none.
    """

    received: Received
    unreachable: Callable[[Target, str], None]
    gone: Callable[[Target, str], None]
    mayCall: Callable[[str], bool]
    pays: Callable[[str, int], bool]

    def __init__(
        self, reactor: Any, security: Security | None = None, host: str | None = None, turns: Turns | None = None
    ) -> None:
        self.clock = reactor
        self.turns = turns or Turns(reactor)
        self._security = security
        self._open: dict[Target, Connection] = {}
        self._making: dict[Target, Connection] = {}
        self._arriving: set[Connection] = set()
        self.mayCall = lambda host: False
        self.pays = lambda host, octets: True
        self._places: Places[Connection] = Places()
        self._names: OrderedDict[str, str] = OrderedDict()
        self._lines = RateLimit(reactor, 1, 5)
        self._complaints = Complaints(reactor)
        self._aliases: dict[Target, Connection] = {}
        self._gone: OrderedDict[Target, None] = OrderedDict()
        self._bind = (host, 0) if host else None
        self._closing = False

    @property
    def open(self) -> int:
        """The number of connections, those in the making included."""
        return len(self._open) + len(self._making) + len(self._arriving)

    def server(self, kind: Transport, closed: Callable[[], object] = lambda: None) -> Factory:
        """
        What accepts connections.

        @param closed: called when the socket is closed, by us or by the system.
        @raise ValueError: for TLS, if there is none.
        """
        factory = _Incoming(self, kind, closed)
        return factory if kind is Transport.TCP else self._wrap(factory, None)

    def expect(self, target: Target) -> None:
        """From now on the certificate that the far end at C{target} shows has to name C{target.name} (RFC 5922)."""
        if target.transport is Transport.TLS and target.name:
            self._names[target.address.host] = target.name
            self._names.move_to_end(target.address.host)
            if len(self._names) > MAX_NAMES:
                self._names.popitem(last=False)
            there = self._open.get(target)
            if there is not None and there.outgoing and there.name != target.name:
                problem = self.judge(there, target.name)
                if problem:
                    there.abort(f"another domain is called there, for which {problem}")

    def suggest(self, target: Target) -> None:
        """L{expect} C{target}, unless another name is expected at its host: this one is only what the far end says."""
        if target.address.host not in self._names:
            self.expect(target)

    def isOpen(self, target: Target) -> bool:
        """Is there a connection to it now?"""
        return self._there(target) is not None

    def _there(self, target: Target) -> Connection | None:
        """The connection to C{target}, unless it is being closed."""
        connection = self._open.get(target)
        return None if connection is None or connection.problem else connection

    def ping(self, target: Target) -> None:
        """Keep the connection to C{target} open, if there is one."""
        connection = self._there(target)
        if connection is not None:
            connection.ping()

    def send(self, data: bytes, target: Target) -> None:
        """Send to C{target}, over a new connection if there is none."""
        connection = self._there(target) or self._making.get(target) or self._aliased(target)
        if connection is None:
            if self._closing or target in self._gone:
                _log.debug("Not sent to {target}: the connection is gone", target=target)
                if not self._closing:
                    self.clock.callLater(0, self._lost, target)
                return
            connection = self._connect(target)
        connection.send(data)

    def _lost(self, target: Target) -> None:
        if not self._closing:
            self.unreachable(target, "it was closed")

    def alias(self, source: Target, port: int) -> None:
        """
        Requests to C{port} of the far end that is connected to us at C{source} may go over that connection, if it has
        shown a certificate: that decides for which domains (RFC 5923 section 8.2).
        """
        connection = self._open.get(source)
        if connection is None or connection.outgoing or len(connection.aliases) >= MAX_ALIASES:
            return
        alias = Target(source.transport, TransportAddress(source.address.host, port))
        transport: Any = connection.transport
        if alias != source and transport.getPeerCertificate() is not None:
            self._aliases[alias] = connection
            connection.aliases.add(alias)

    def _aliased(self, target: Target) -> Connection | None:
        connection = self._aliases.get(target)
        if connection is None or self.judge(connection, self._names.get(target.address.host, target.address.host)):
            return None
        return connection

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
        for connection in [*self._open.values(), *self._making.values(), *self._arriving]:
            connection.abort("we stop")

    # What the connections say.

    def admits(self, host: str, cost: int = 0) -> bool:
        """
        May C{host} make one more?  If another connection has to go for it, that is closed.

        @param cost: octets of a message that would cost as much.
        """
        if self._closing or not (self.mayCall(host) or self.pays(host, cost)):
            return False
        place = self._places.ask(host, self.mayCall(host), self.clock.seconds())
        if isinstance(place, Connection):
            self._places.leave(place)  # at once, as a socket takes a moment to close
            place.abort("another one needs its place")
            return True
        if not place and self._isSaid(host):
            _log.warn("A connection from {host} is refused: too many", host=host)
        return place

    def arrived(self, connection: Connection) -> None:
        """A far end has connected, and counts from now on."""
        assert connection.target is not None
        self._arriving.add(connection)
        host = connection.target.address.host
        mayCall = self.mayCall(host)
        self._places.take(connection, host, mayCall, self.clock.seconds())
        if not mayCall:
            connection.readLittle()

    def opened(self, connection: Connection) -> None:
        """A connection can be used."""
        target = connection.target
        assert target is not None
        if connection in self._arriving:
            self._arriving.remove(connection)
        else:
            self._making.pop(target, None)
        self._open[target] = connection
        self._gone.pop(target, None)
        _log.debug("Connected {way} {target}", way="to" if connection.outgoing else "from", target=target)

    def judge(self, connection: Connection, name: str) -> str:
        """What is wrong with the certificate of the far end of C{connection} as one for C{name}; empty if nothing."""
        assert self._security is not None
        transport: Any = connection.transport
        problem = self._security.judge(transport.getPeerCertificate(), name)
        return f"its certificate is refused: {problem}" if problem else ""

    def affords(self, connection: Connection) -> bool:
        """Keepalives that are read at once cost a stranger as much as a message."""
        assert connection.target is not None
        host = connection.target.address.host
        return self.mayCall(host) or self.pays(host, 0)

    def take(self, message: bytes, source: Target) -> bool:
        """A message; what fails there must not stop the connection's other messages."""
        taken = True
        try:
            taken = self.received(message, source.address, source.transport) is not False
        except Exception:
            _log.failure("A message from {source} could not be handled", source=source)
        connection = self._open.get(source)
        if taken and connection is not None:
            host = source.address.host
            self._places.used(connection, self.mayCall(host), self.clock.seconds())
        return taken

    def _isSaid(self, host: str, outgoing: bool = False) -> bool:
        """May a line be written about a connection?  There are so many about those that strangers have made to us."""
        if outgoing or self.mayCall(host):
            return self._lines.allow(host)
        return self._complaints.allow(sourceOf(host))

    def closed(self, connection: Connection, why: str) -> None:
        """A connection is over."""
        target = connection.target
        if target is None:
            return
        self._places.leave(connection)
        for alias in connection.aliases:
            if self._aliases.get(alias) is connection:
                del self._aliases[alias]
        if self._open.get(target) is connection:
            self._closedOpen(connection, target, why)
        else:
            self._closedEarly(connection, target, why or "it was closed")

    def _closedOpen(self, connection: Connection, target: Target, why: str) -> None:
        del self._open[target]
        if not connection.outgoing:
            # A far end does not listen at the port that it connected from.
            self._gone[target] = None
            if len(self._gone) > MAX_GONE:
                self._gone.popitem(last=False)
        isFault = connection.problem or why.startswith(FAULT_OF_TLS)
        if isFault and not self._closing and self._isSaid(target.address.host, connection.outgoing):
            _log.warn("The connection with {target} is closed: {why}", target=target, why=why)
        else:
            _log.debug("The connection with {target} is closed{why}", target=target, why=f": {why}" if why else "")
        for each in (target, *connection.aliases):
            self.gone(each, why)

    def _closedEarly(self, connection: Connection, target: Target, why: str) -> None:
        """It was over before it could be used."""
        if connection in self._arriving:
            self._arriving.remove(connection)
        made = self._making.get(target) is connection
        if made:
            del self._making[target]
        if self._closing:
            return
        if self._isSaid(target.address.host, connection.outgoing):
            _log.warn(
                "No connection {way} {target}: {why}",
                way="to" if connection.outgoing else "from",
                target=target,
                why=why,
            )
        if made:
            self.unreachable(target, why)
