# -*- test-case-name: ichatgw.test.check.asking.test_sipexchange -*-
"""
One SIP request and its response, over a socket of their own.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionRefusedError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from ichatgw.check.asking.interfaces import Accepts, Make, Unreachable
from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.net.names import endpointAt
from ichatgw.runtime.clock import cancel
from ichatgw.sip.transport.connection import words
from ichatgw.sip.transport.streamframing import Framer

WAITS = (0.5, 1.0, 2.0, 1.0)
"""Seconds from one time that a datagram is sent to the next, and at last to the end."""

ANSWER_TIMEOUT = 4.5
"""Seconds in which a response over a connection has to come."""

SILENCE = "no answer"
REFUSED = "refused: nothing listens on that UDP port"


class Datagrams(DatagramProtocol):
    """
    Sends a datagram again and again, until one comes that answers it.

    @ivar answer: fires with that, or fails with L{Unreachable}.
    """

    transport: Any

    def __init__(
        self, clock: Any, there: TransportAddress, make: Make, accepts: Accepts, local: str, waits: tuple[float, ...]
    ) -> None:
        """
        @param local: our address, an IP literal.
        """
        self.answer: Deferred[bytes] = Deferred(lambda cancelled: self._end())
        self._clock = clock
        self._there = there
        self._make = make
        self._accepts = accepts
        self._local = local
        self._waits = list(waits)
        self._timer: IDelayedCall | None = None
        self._port: Any = None

    def startProtocol(self) -> None:
        """Send it."""
        self._port = self.transport
        self.transport.connect(self._there.host, self._there.port)
        self._datagram = self._make(TransportAddress(self._local, self.transport.getHost().port))
        self._send()

    def _send(self) -> None:
        self._timer = None
        if not self._waits:
            self._fail(Unreachable(SILENCE, isSilent=True))
            return
        self._timer = self._clock.callLater(self._waits.pop(0), self._send)
        try:
            self.transport.write(self._datagram)
        except OSError as problem:
            self._fail(Unreachable(problem.strerror or str(problem)))

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """What has come from there."""
        if not self.answer.called and self._accepts(datagram):
            self._end()
            self.answer.callback(datagram)

    def connectionRefused(self) -> None:
        """ICMP says that nothing listens there."""
        self._fail(Unreachable(REFUSED))

    def stopProtocol(self) -> None:
        """
        The socket is closed; a reactor that polls does that if ICMP says that nothing listens there, or that there is
        no way.
        """
        if not self.answer.called:
            fault = 0
            with suppress(OSError, AttributeError):
                fault = self._port.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            known = fault in (0, errno.ECONNREFUSED)
            self._fail(Unreachable(REFUSED if known else os.strerror(fault)))

    def _fail(self, problem: Unreachable) -> None:
        if not self.answer.called:
            self._end()
            self.answer.errback(problem)

    def _end(self) -> None:
        cancel(self._timer)
        self._timer = None
        port, self._port = self._port, None
        if port is not None:
            port.stopListening()


class Stream(Protocol):
    """
    Sends a request over a connection.

    @ivar answer: fires with the response, or fails with L{Unreachable}.
    """

    transport: Any

    def __init__(self, make: Make, accepts: Accepts) -> None:
        self.answer: Deferred[bytes] = Deferred(lambda cancelled: self._end())
        self._make = make
        self._accepts = accepts
        self._framer = Framer()
        self._problem = ""

    def connectionMade(self) -> None:
        """Send it."""
        ours = self.transport.getHost()
        self.transport.write(self._make(TransportAddress(ours.host, ours.port)))

    def refused(self, problem: str) -> None:
        """The certificate of the server is no good; see L{ichatgw.sip.transport.tls}."""
        self._problem = self._problem or problem

    def dataReceived(self, data: bytes) -> None:
        """What has come."""
        try:
            for message in self._framer.feed(data):
                if not self.answer.called and self._accepts(message):
                    self.answer.callback(message)
                    self._end()
        except MalformedError as problem:
            self._problem = self._problem or f"what it sends is no SIP: {problem}"
            self._end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        if not self.answer.called:
            self.answer.errback(Unreachable(self._problem or words(reason) or "it closes the connection"))

    def _end(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()


def overUDP(
    reactor: Any, there: TransportAddress, make: Make, accepts: Accepts, local: str, waits: tuple[float, ...] = WAITS
) -> Deferred[bytes]:
    """
    Ask over UDP.

    @param local: our address towards C{there}, an IP literal.
    @param waits: see L{WAITS}.
    """
    asking = Datagrams(reactor, there, make, accepts, local, waits)
    try:
        reactor.listenUDP(0, asking, interface=local, maxPacketSize=65536)
    except Exception as problem:
        asking.answer.addErrback(lambda failure: None)
        failed: Deferred[bytes] = Deferred()
        failed.errback(Unreachable(f"no socket: {problem}"))
        return failed
    return asking.answer


async def overStream(
    reactor: Any, there: TransportAddress, make: Make, accepts: Accepts, wrap: Callable[[Factory], Factory]
) -> bytes:
    """
    Ask over TCP or TLS.

    @param wrap: puts TLS below it.
    @raise Unreachable: if there is no answer.
    """
    stream = Stream(make, accepts)
    await connected(reactor, there, wrap(_One(stream)))
    try:
        return await stream.answer.addTimeout(ANSWER_TIMEOUT, reactor)
    except TimeoutError:
        raise Unreachable("it takes the connection and does not answer", isSilent=True) from None


async def connected(reactor: Any, there: TransportAddress, factory: Any) -> None:
    """
    Connect.

    @param factory: of the protocol that is to have the connection.
    @raise Unreachable: if that cannot be.
    """
    wanted = endpointAt(reactor, there.host, there.port).connect(factory)
    try:
        await wanted.addTimeout(ANSWER_TIMEOUT, reactor)
    except ConnectionRefusedError:
        raise Unreachable("refused: nothing listens on that TCP port") from None
    except (TimeoutError, ConnectTimeout, ConnectingCancelledError):
        raise Unreachable(SILENCE, isSilent=True) from None
    except (ConnectError, OSError) as problem:
        raise Unreachable(str(problem)) from None


class Going(Protocol):
    """Connects, and goes."""

    transport: Any

    def connectionMade(self) -> None:
        """That was all."""
        self.transport.loseConnection()


class _One(Factory):
    """Of one protocol."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self._protocol
