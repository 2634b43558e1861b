# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
TCP peers that break rules: they never read, or say half a message.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol


class HostilePeer(Protocol):
    """
    Says its piece when it has heard something, and no more; or never reads.

    @ivar heard: what came.
    """

    def __init__(self, piece: bytes, reads: bool) -> None:
        self._piece = piece
        self._reads = reads
        self.heard = b""
        self.over = False

    def connectionMade(self) -> None:
        transport: Any = self.transport
        if not self._reads:
            transport.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        if not self.heard:
            transport.write(self._piece)
        self.heard += data

    def connectionLost(self, reason: Any = None) -> None:
        self.over = True


class HostileServer(Factory):
    """
    Takes connections on a port of its own.

    @ivar connections: those that were made.
    """

    def __init__(self, reactor: Any, piece: bytes = b"", reads: bool = True) -> None:
        self._reactor = reactor
        self._piece = piece
        self._reads = reads
        self._listening: Any = None
        self.connections: list[HostilePeer] = []

    def start(self, secure: Any = None) -> int:
        """
        Listen.

        @param secure: Twisted's C{CertificateOptions}, for TLS.
        @return: the port.
        """
        if secure is None:
            self._listening = self._reactor.listenTCP(0, self, interface="127.0.0.1")
        else:
            self._listening = self._reactor.listenSSL(0, self, secure, interface="127.0.0.1")
        return int(self._listening.getHost().port)

    def buildProtocol(self, addr: Any) -> HostilePeer:
        made = HostilePeer(self._piece, self._reads)
        self.connections.append(made)
        return made

    async def stop(self) -> None:
        for each in self.connections:
            if each.transport is not None and not each.over:
                transport: Any = each.transport
                transport.abortConnection()
        if self._listening is not None:
            await self._listening.stopListening()


async def connected(reactor: Any, port: int, reads: bool = True) -> HostilePeer:
    """A connection to the gateway."""
    made = HostilePeer(b"", reads)
    await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(Factory.forProtocol(lambda: made))
    return made


class Cable(Factory):
    """
    Between a phone and its peer: hands everything on, until it is cut.

    @ivar port: where to connect to.
    """

    def __init__(self, reactor: Any, target: int) -> None:
        self._reactor = reactor
        self._target = target
        self._listening: Any = None
        self._ends: list[Any] = []
        self.port = 0

    def start(self) -> None:
        """Listen."""
        self._listening = self._reactor.listenTCP(0, self, interface="127.0.0.1")
        self.port = self._listening.getHost().port

    def buildProtocol(self, addr: Any) -> Protocol:
        return _End(self)

    def joined(self, near: _End) -> None:
        """Somebody has connected; connect to the other one."""
        self._ends.append(near)
        far = _End(self, near)
        near.other = far
        made = TCP4ClientEndpoint(self._reactor, "127.0.0.1", self._target).connect(Factory.forProtocol(lambda: far))
        made.addErrback(lambda failure: self.cut())

    async def stop(self) -> None:
        self.cut()
        if self._listening is not None:
            await self._listening.stopListening()

    def cut(self) -> None:
        """Break all connections at once, and take no more."""
        ends, self._ends = self._ends, []
        for each in ends:
            for end in (each, each.other):
                if end is not None and end.transport is not None:
                    end.transport.abortConnection()


class _End(Protocol):
    def __init__(self, cable: Cable, other: _End | None = None) -> None:
        self._cable = cable
        self.other = other
        self._outgoing = other is not None
        self._waiting: list[bytes] = []

    def connectionMade(self) -> None:
        if not self._outgoing:
            self._cable.joined(self)
        for data in self.other._waiting if self.other is not None else ():
            self._write(data)

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other._write(data)
        else:
            self._waiting.append(data)

    def _write(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)
