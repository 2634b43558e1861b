# -*- test-case-name: ichatgw.test.observe.hep.test_wire -*-
"""
The way to a server of HEP: datagrams, or one connection that is made anew when it is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from attrs import define, field
from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IStreamClientEndpoint
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.model import TransportAddress

PORT = 9060
"""Where servers of HEP listen."""

LOOK_UP = 60.0
"""Seconds after which the name of the server is looked up again."""

_log = Logger()


class HEPWire(Protocol):
    """Carries packets."""

    def start(self) -> None:
        """Begin."""

    def send(self, packet: bytes) -> bool:
        """Send it; could that be?"""

    def stop(self) -> Deferred[Any]:
        """End; what was sent goes out."""


@define(eq=False)
class DatagramWire:
    """
    @ivar lookUp: gives the addresses of the server; none if it is not found.
    """

    _reactor: Any
    lookUp: Callable[[], Deferred[Sequence[TransportAddress]]]
    _target: TransportAddress | None = field(default=None, init=False)
    _ports: dict[str, Any] = field(factory=dict, init=False)
    _later: IDelayedCall | None = field(default=None, init=False)

    def start(self) -> None:
        """See L{HEPWire}."""
        self._later = self._reactor.callLater(LOOK_UP, self.start)
        self.lookUp().addCallback(self._found).addErrback(lambda failure: _log.failure("No way to HEPServer", failure))

    def _found(self, targets: Sequence[TransportAddress]) -> None:
        if targets and self._later is not None:
            self._target = targets[0]
            interface = "::" if self._target.isIPv6 else "0.0.0.0"
            if interface not in self._ports:
                self._ports[interface] = self._reactor.listenUDP(0, DatagramProtocol(), interface)

    def send(self, packet: bytes) -> bool:
        """See L{HEPWire}."""
        target = self._target
        if target is None:
            return False
        try:
            self._ports["::" if target.isIPv6 else "0.0.0.0"].write(packet, (target.host, target.port))
        except OSError:
            return False
        return True

    def stop(self) -> Deferred[Any]:
        """See L{HEPWire}."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._target = None
        ports, self._ports = self._ports, {}
        for port in ports.values():
            port.stopListening()
        return succeed(None)


@implementer(IPushProducer)
class _Sender(StreamProtocol):
    """A connection, and whether it takes more now."""

    transport: Any
    takes = False

    def connectionMade(self) -> None:
        self.takes = True
        self.transport.registerProducer(self, True)

    def connectionLost(self, reason: Any = None) -> None:
        self.takes = False

    def pauseProducing(self) -> None:
        """The server is slow."""
        self.takes = False

    def resumeProducing(self) -> None:
        """It has taken in all."""
        self.takes = True

    def stopProducing(self) -> None:
        """The connection is gone."""
        self.takes = False


class StreamWire:
    """One connection to C{endpoint}."""

    def __init__(self, reactor: Any, endpoint: IStreamClientEndpoint) -> None:
        factory = Factory.forProtocol(self._make)
        factory.noisy = False
        self._connection: _Sender | None = None
        self._service = ClientService(endpoint, factory, clock=reactor)

    def _make(self) -> _Sender:
        self._connection = _Sender()
        return self._connection

    def start(self) -> None:
        """See L{HEPWire}."""
        self._service.startService()

    def send(self, packet: bytes) -> bool:
        """See L{HEPWire}."""
        connection = self._connection
        if connection is None or not connection.takes:
            return False
        connection.transport.write(packet)
        return True

    def stop(self) -> Deferred[Any]:
        """See L{HEPWire}."""
        if self._connection is not None and self._connection.takes:
            self._connection.takes = False
            self._connection.transport.unregisterProducer()
        return self._service.stopService() or succeed(None)
