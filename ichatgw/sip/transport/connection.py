# -*- test-case-name: ichatgw.test.sip.transport.test_connectionpool,ichatgw.test.sip.transport.test_tls -*-
"""
One connection that carries SIP over TCP or TLS.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from typing import Protocol as Structure

from OpenSSL import SSL
from twisted.internet.error import ConnectError, ConnectionClosed, ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.turns import WAITING, Turns
from ichatgw.sip.transport.keepalive import Pongs
from ichatgw.sip.transport.kernel import holds
from ichatgw.sip.transport.streamframing import PING, PONG, Framer
from ichatgw.sip.transport.target import Target, Transport

CONNECT_TIMEOUT = 6.0
"""Seconds for making a connection, TLS included."""

FIRST_WORD_TIMEOUT = 20.0
"""
Seconds that a far end which connects has for its first message, keepalives apart, and that each connection has for the
rest of a message that has begun.
"""

IDLE_TIMEOUT = 900.0
"""Seconds without a message or a keepalive after which a connection is closed."""

GIVE_UP = 30.0
"""Seconds after which a connection is closed whose far end has not even acknowledged what we sent."""

THROTTLED = 1.0
"""Seconds for which nothing is read from a far end that sends more than strangers may."""

SLICE = 2048
"""Octets that are read from a stranger at a time."""

FREE_READINGS, MAX_READINGS = 6, 32
"""
How often octets of a stranger are read until a whole message has come, or the TLS handshake is over.  Each further time
costs as much as a message, and there are so many at most.  Over TLS a reading counts, and each piece that it brings.
"""

MAX_UNSENT = 256 * 1024
"""Octets that wait for a far end which does not read, or to which there is no connection yet."""

FAULT_OF_TLS = "TLS: "
"""How L{words} begin that come from OpenSSL, ours or that of the far end."""

_log = Logger()


class Owner(Structure):
    """
    Who keeps the connections.

    @ivar clock: for timers.
    @ivar turns: when a message has its turn.
    """

    clock: IReactorTime
    turns: Turns

    def arrived(self, connection: Connection) -> None:
        """A far end has connected; over TLS, the handshake is still to come."""

    def opened(self, connection: Connection) -> None:
        """A connection can be used."""

    def closed(self, connection: Connection, why: str) -> None:
        """A connection is over."""

    def judge(self, connection: Connection, name: str) -> str:
        """What is wrong with the certificate of the far end as one for C{name}; empty if nothing."""

    def affords(self, connection: Connection) -> bool:
        """
        Keepalives have come, or pieces of a message again and again: may their sender send more now?
        """

    def take(self, message: bytes, source: Target) -> bool:
        """
        A message has come.

        @return: whether its sender may send more now.
        """


@implementer(IPushProducer, IHandshakeListener)
class Connection(Protocol):
    """
    One connection.

    @ivar target: the far end.
    @ivar name: the domain or host that its certificate has to name, over TLS.
    @ivar aliases: its other targets (RFC 5923): requests to these go over this connection.
    @ivar problem: why it was closed, in words for the log, if something knew better than the socket.
    """

    def __init__(self, owner: Owner, transport: Transport, target: Target | None, name: str = "") -> None:
        self._owner = owner
        self.kind = transport
        self.outgoing = target is not None
        self.target = target
        self.name = name
        self.problem = ""
        self.aliases: set[Target] = set()
        self.ready = False
        self._framer = Framer()
        self._waiting: list[bytes] = []
        self._unsent = 0
        self._full = False
        self._timer: IDelayedCall | None = None
        self._heard = self.outgoing
        self._pongs = Pongs(owner.clock, self.ping, self._noPong)
        self._begun = False
        self._throttled: IDelayedCall | None = None
        self._held: list[bytes] = []
        self._over = False
        self._isStrangers = False
        self._readings = 0
        self._line = owner.turns.line(f"SIP over {transport.name}", self._stopReading, self._readOn)
        self._line.holds = lambda: holds(self._socketed())

    # The transport's news.

    def connectionMade(self) -> None:
        """Connected; with TLS the handshake is still to come."""
        assert self.transport is not None
        if self.target is None:
            peer: Any = self.transport.getPeer()
            self.target = Target(self.kind, TransportAddress(peer.host.partition("%")[0], peer.port))
        transport: Any = self.transport
        if not self.outgoing:
            self._owner.arrived(self)
        transport.registerProducer(self, True)
        self._expect(CONNECT_TIMEOUT if self.kind is Transport.TLS else FIRST_WORD_TIMEOUT)
        if self.kind is not Transport.TLS:
            self.usable()

    def handshakeCompleted(self) -> None:
        """The TLS handshake is over; what was to be verified has been, see L{ichatgw.sip.transport.tls}."""
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
        """The connection can be used: send what waits."""
        assert self.target is not None
        self.ready = True
        self._readings = 0
        self._tune()
        self._owner.opened(self)
        self._expect(IDLE_TIMEOUT if self.outgoing else FIRST_WORD_TIMEOUT)
        waiting, self._waiting, self._unsent = self._waiting, [], 0
        for data in waiting:
            self.send(data)

    def read(self) -> None:
        """
        Octets have been read, over TLS perhaps none of a message.

        In one turn of the reactor there may be those of thousands of connections: media does not wait for them.  What a
        stranger sends in pieces is paid for: to read one takes as long as to drop a message.
        """
        self._owner.turns.letMediaPass()
        if not self._isStrangers or self._over or self.problem:
            return
        self._readings += 1
        if self._readings > MAX_READINGS:
            self.abort("it sends too many pieces")
        elif self._readings > FREE_READINGS and not self._owner.affords(self):
            self._throttle()

    def dataReceived(self, data: bytes) -> None:
        """Octets from the far end."""
        assert self.target is not None
        self.read()
        self._pongs.heard()
        self._cut(data, self._line.put)

    def _cut(self, data: bytes, give: Callable[..., object]) -> None:
        """
        Cut messages off, as many as may wait.  The rest is a job of its own: there may be thousands in one reading.

        @param give: puts a job into our line.
        """
        if self.problem:
            return
        pinged = False
        try:
            for message in self._framer.feed(data):
                self._begun = False
                if message == PING:
                    pinged = True
                    self.send(PONG)
                elif message == PONG:
                    self._pongs.answered()
                else:
                    self._heard = True
                    give(self._hand, message)
                if self.problem:
                    return
                if len(self._line) >= WAITING:
                    self._line.later(self._cut, b"", self._line.later)
                    break
        except MalformedError as problem:
            self.abort(str(problem))
            return
        if self._over:
            return
        if pinged:
            self._payForPings()
        self._expectNext()

    def _payForPings(self) -> None:
        """However many there were in one reading."""
        self._readings = 0
        if not self._owner.affords(self):
            self._throttle()

    def _expectNext(self) -> None:
        """The rest of a message, or the next one."""
        if not self._framer.partial:
            self._begun = False
            if self._heard:
                self._expect(IDLE_TIMEOUT)
        elif not self._begun:
            self._begun = True
            self._expect(FIRST_WORD_TIMEOUT)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is closed, by us or by the far end; perhaps with thousands of others in the same turn."""
        self._owner.turns.letMediaPass()
        self._over = True
        self._stopTimer()
        self._waiting.clear()
        self._held.clear()
        self._line.end()  # it holds us, and we hold it
        self._owner.closed(self, self.problem or words(reason))

    def _hand(self, message: bytes) -> None:
        """
        Hand a message on.  If its sender sends too much, it waits, and nothing is read for a while: over a connection
        nothing is sent twice.
        """
        assert self.target is not None
        if self._throttled is not None:
            self._held.append(message)
        elif self._owner.take(message, self.target):
            self._readings = 0
        else:
            self._held.append(message)
            self._throttle()

    def _throttle(self) -> None:
        """Read nothing for a while."""
        if self._throttled is None:
            self._throttled = self._owner.clock.callLater(THROTTLED, self._goOn)
            self._stopReading()

    def _goOn(self) -> None:
        """Read again after a throttle."""
        self._throttled = None
        held, self._held = self._held, []
        for message in held:
            self._line.put(self._hand, message)
        if not len(self._line):
            self._readOn()

    def readLittle(self) -> None:
        """It is a stranger's: read L{SLICE} octets at a time, so that little waits here if too much is sent."""
        self._isStrangers = True
        self._line.counts = False
        self._line.share = self._owner.turns.strangers
        transport = self._socketed()
        if transport is not None:
            transport.bufferSize = SLICE

    # Orders.

    def send(self, data: bytes) -> None:
        """Send, now or when that is possible."""
        if self.ready and not self._full:
            assert self.transport is not None
            self.transport.write(data)
            return
        self._unsent += len(data)
        if self._unsent > MAX_UNSENT:
            self.abort("it does not read what we send")
        else:
            self._waiting.append(data)

    def ping(self) -> None:
        """
        See whether the far end is there.

        One that is known to answer has to answer each, see L{Pongs}; for the others the system notices when what we
        sent is not acknowledged, see L{GIVE_UP}.
        """
        if not self.ready or self._full:
            return
        if not self._begun:
            self._expect(IDLE_TIMEOUT)  # it is in use, however silent; if the far end is gone, the system will notice
        self._framer.awaitsPong = True
        self.send(PING)
        self._pongs.asked()

    def _noPong(self) -> None:
        self.abort("it answers keepalives no more")

    def abort(self, problem: str) -> None:
        """Close at once."""
        self.problem = self.problem or problem
        self._stopTimer()
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    # Back-pressure.

    def _stopReading(self) -> None:
        """A message waits for its turn, and the far end for that."""
        transport: Any = self.transport
        transport.pauseProducing()

    def _readOn(self) -> None:
        """No message waits any more."""
        transport: Any = self.transport
        if self._throttled is None and not transport.disconnecting:
            transport.resumeProducing()

    def pauseProducing(self) -> None:
        """The socket takes no more for now."""
        self._full = True

    def resumeProducing(self) -> None:
        """The transport takes more octets."""
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
        cancel(self._timer)
        cancel(self._throttled)
        self._timer = self._throttled = None
        self._pongs.stop()

    def _tune(self) -> None:
        """
        Let the system send each message at once, and close the connection if what we send is not acknowledged.
        (Without the first a second message waits 40 ms for the acknowledgement of the one before.)
        """
        transport = self._socketed()
        if transport is None:
            return
        with suppress(OSError):
            transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(GIVE_UP * 1000))

    def _socketed(self) -> Any:
        """The transport that has the socket, below TLS; C{None} if there is none."""
        transport: Any = self.transport
        while transport is not None and not hasattr(transport, "socket"):
            transport = getattr(transport, "transport", None)
        return transport


def words(reason: Failure) -> str:
    """Why a connection ended; empty if it was just closed."""
    if reason.check(ConnectionDone):
        return ""
    if reason.check(SSL.Error):
        arguments: Any = getattr(reason.value, "args", ())
        faults = arguments[0] if arguments else ()
        said = ", ".join(str(fault[-1]) for fault in faults if isinstance(fault, tuple) and fault)
        return f"{FAULT_OF_TLS}{said or 'the connection was broken off'}"[:200]
    known = reason.check(ConnectionClosed, ConnectError, OSError)
    return (str(reason.value).rstrip(".") if known else f"{reason.value!r}")[:200]
