# -*- test-case-name: ichatgw.test.sim.sip.test_phone -*-
"""
A network in memory for the simulators: a clock, and UDP sockets that reach each other on it.
"""

from __future__ import annotations

from itertools import count

from attrs import define
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from zope.interface import implementer

from ichatgw.sim.media.sockets import ISimReactor

Place = tuple[str, int]


@implementer(IListeningPort)
@define(eq=False)
class MemoryPort:
    """One bound socket."""

    net: SimNet
    place: Place
    protocol: DatagramProtocol

    def startListening(self) -> None:
        self.protocol.makeConnection(self)  # type: ignore[arg-type]

    def stopListening(self) -> Deferred[None] | None:
        self.net.ports.pop(self.place, None)
        self.protocol.doStop()
        return succeed(None)

    def getHost(self) -> IPv4Address | IPv6Address:
        kind = IPv6Address if ":" in self.place[0] else IPv4Address
        return kind("UDP", *self.place)

    def write(self, datagram: bytes, addr: Place) -> None:
        """Send; what nobody listens for is lost."""
        self.net.carry(self.place, addr, bytes(datagram))


@implementer(ISimReactor)
class SimNet(Clock):
    """
    @ivar ports: the bound sockets.
    @ivar carried: every datagram that was sent, with its source and target.
    @ivar lose: how many of the next datagrams get lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ports: dict[Place, MemoryPort] = {}
        self.carried: list[tuple[Place, Place, bytes]] = []
        self.lose = 0
        self._free = count(40000)

    def listenUDP(
        self, port: int, protocol: DatagramProtocol, interface: str = "", maxPacketSize: int = 8192
    ) -> IListeningPort:
        host = interface or "127.0.0.1"
        place = (host, port or next(free for free in self._free if (host, free) not in self.ports))
        if place in self.ports:
            raise CannotListenError(*place, OSError("in use"))
        listening = self.ports[place] = MemoryPort(self, place, protocol)
        listening.startListening()
        return listening

    def carry(self, source: Place, target: Place, datagram: bytes) -> None:
        """Deliver in the next turn."""
        self.carried.append((source, target, datagram))
        if self.lose:
            self.lose -= 1
            return
        self.callLater(0, self._deliver, source, target, datagram)

    def run(self, seconds: float, step: float = 0.01) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds / step)):
            self.advance(step)

    def _deliver(self, source: Place, target: Place, datagram: bytes) -> None:
        if target in self.ports:
            self.ports[target].protocol.datagramReceived(datagram, source)
