"""
Tests for L{ichatgw.observe.hep.wire}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.observe.hep.wire import LOOK_UP, DatagramWire, StreamWire

SERVER = TransportAddress("192.0.2.60", 9060)
SERVER_6 = TransportAddress("2001:db8::60", 9060)


class FakePort:
    """Keeps what is written."""

    def __init__(self, interface: str) -> None:
        self.interface = interface
        self.written: list[tuple[bytes, tuple[str, int]]] = []
        self.error: OSError | None = None
        self.stopped = False

    def write(self, data: bytes, address: tuple[str, int]) -> None:
        if self.error is not None:
            raise self.error
        self.written.append((data, address))

    def stopListening(self) -> None:
        self.stopped = True


class UDPReactor(Clock):
    """Makes such ports."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: list[FakePort] = []

    def listenUDP(self, port: int, protocol: Any, interface: str) -> FakePort:
        self.ports.append(FakePort(interface))
        return self.ports[-1]


class DatagramTests(SynchronousTestCase):
    """Packets as datagrams."""

    def setUp(self) -> None:
        self.reactor = UDPReactor()
        self.found: Sequence[TransportAddress] = [SERVER]
        self.wire = DatagramWire(self.reactor, self.lookUp)

    def lookUp(self) -> Deferred[Sequence[TransportAddress]]:
        return succeed(self.found)

    def test_sends(self) -> None:
        """A packet is a datagram to the server."""
        self.wire.start()
        self.assertTrue(self.wire.send(b"one"))
        self.assertEqual(self.reactor.ports[0].written, [(b"one", (SERVER.host, SERVER.port))])

    def test_moves(self) -> None:
        """The name is looked up now and then: a server that has moved is found, one that is not found is kept."""
        self.wire.start()
        self.found = [SERVER_6]
        self.reactor.advance(LOOK_UP)
        self.found = []
        self.reactor.advance(LOOK_UP)
        self.wire.send(b"one")
        self.assertEqual([port.interface for port in self.reactor.ports], ["0.0.0.0", "::"])
        self.assertEqual(self.reactor.ports[1].written, [(b"one", (SERVER_6.host, SERVER_6.port))])

    def test_notFound(self) -> None:
        """Before the server is found nothing can be sent, nor while the network refuses it."""
        self.found = []
        self.wire.start()
        self.assertFalse(self.wire.send(b"one"))
        self.found = [SERVER]
        self.reactor.advance(LOOK_UP)
        self.reactor.ports[0].error = OSError(1, "no")
        self.assertFalse(self.wire.send(b"one"))

    def test_stop(self) -> None:
        """At the end the socket is closed and no timer left, also while the name is looked up."""
        waiting: Deferred[Sequence[TransportAddress]] = Deferred()
        self.wire.start()
        self.wire.lookUp = lambda: waiting
        self.reactor.advance(LOOK_UP)
        self.wire.stop()
        waiting.callback([SERVER_6])
        self.assertTrue(all(port.stopped for port in self.reactor.ports))
        self.assertEqual((len(self.reactor.ports), self.reactor.getDelayedCalls()), (1, []))
        self.assertFalse(self.wire.send(b"late"))


class StreamTests(SynchronousTestCase):
    """Packets over a connection."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.wire = StreamWire(self.reactor, TCP4ClientEndpoint(self.reactor, SERVER.host, SERVER.port))
        self.wire.start()

    def connect(self) -> tuple[Any, Any]:
        factory = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def test_sends(self) -> None:
        """Once connected, packets go out one after the other; before that they cannot be sent."""
        self.assertFalse(self.wire.send(b"early"))
        _, transport = self.connect()
        self.assertTrue(self.wire.send(b"one"))
        self.assertTrue(self.wire.send(b"two"))
        self.assertEqual(transport.value(), b"onetwo")

    def test_slow(self) -> None:
        """What a slow server does not take is not kept here."""
        _, transport = self.connect()
        transport.producer.pauseProducing()
        self.assertFalse(self.wire.send(b"one"))
        transport.producer.resumeProducing()
        self.assertTrue(self.wire.send(b"two"))

    def test_lost(self) -> None:
        """A connection that is lost is made anew."""
        protocol, _ = self.connect()
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(self.wire.send(b"one"))
        self.reactor.advance(60)
        self.assertEqual(len(self.reactor.tcpClients), 2)
        _, transport = self.connect()
        self.assertTrue(self.wire.send(b"two"))
        self.assertEqual(transport.value(), b"two")

    def test_stop(self) -> None:
        """At the end the connection is closed."""
        _, transport = self.connect()
        self.wire.stop()
        self.assertTrue(transport.disconnecting)
        self.assertFalse(self.wire.send(b"late"))
