# -*- test-case-name: ichatgw.test.sim.sip.test_phone -*-
"""
UDP sockets that speak of transport addresses.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime, IReactorUDP
from twisted.internet.protocol import DatagramProtocol

from ichatgw.model import TransportAddress

Receive = Callable[[bytes, TransportAddress], None]


class ISimReactor(IReactorTime, IReactorUDP):
    """What a simulated far end needs of a reactor."""


class Socket(DatagramProtocol):
    """
    One bound socket.

    @ivar address: what it is bound to.
    """

    address: TransportAddress

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._known: dict[tuple[str, int], TransportAddress] = {}

    def startProtocol(self) -> None:
        bound = self.transport.getHost()  # type: ignore[union-attr]
        self.address = TransportAddress(bound.host, bound.port)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        source = self._known.get(addr)
        if source is None:
            if len(self._known) > 1000:
                self._known.clear()
            source = self._known[addr] = TransportAddress(*addr)
        self._receive(datagram, source)

    def connectionRefused(self) -> None:
        """There is no peer; what waits for an answer will notice."""

    def send(self, datagram: bytes, target: TransportAddress) -> None:
        """Send; after C{close} nothing happens."""
        if self.transport is not None:
            self.transport.write(datagram, (target.host, target.port))

    def close(self) -> None:
        """Give the port back.  Idempotent."""
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.stopListening()


def listen(reactor: IReactorUDP, host: str, port: int, receive: Receive) -> Socket:
    """Bind a socket; port 0 takes any."""
    socket = Socket(receive)
    reactor.listenUDP(port, socket, host, 65536)
    return socket


def listenNear(reactor: IReactorUDP, host: str, highest: int, lowest: int, receive: Receive) -> Socket:
    """The first free port from C{highest} down to C{lowest}, or else any."""
    for port in range(highest, lowest - 1, -1):
        try:
            return listen(reactor, host, port, receive)
        except CannotListenError:
            continue
    return listen(reactor, host, 0, receive)


def listenPair(reactor: IReactorUDP, host: str, receive: Receive, receiveControl: Receive) -> tuple[Socket, Socket]:
    """
    An even port and the odd one above it (RFC 3550 section 11).

    @raise CannotListenError: if none was found in a hundred tries.
    """
    for _ in range(100):
        first = listen(reactor, host, 0, receive)
        if first.address.port % 2 == 0:
            try:
                return first, listen(reactor, host, first.address.port + 1, receiveControl)
            except CannotListenError:
                pass
        first.close()
    raise CannotListenError(host, 0, OSError("no pair of ports is free"))
