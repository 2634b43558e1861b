"""Tests for L{ichatgw.check.asking.network}."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.names import client
from twisted.names.error import DNSNameError, DNSServerError
from twisted.names.error import DNSQueryTimeoutError as NoTime
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.check.asking.interfaces import INetwork, Unreachable
from ichatgw.check.asking.network import ANSWER_TIMEOUT, Network
from ichatgw.check.asking.sipexchange import WAITS
from ichatgw.media.ice import stun
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.sip.transport.target import Target, Transport

SERVER = TransportAddress("127.0.0.9", 3478)
SEEN = TransportAddress("198.51.100.10", 40000)


class Reactor(MemoryReactorClock):
    """Opens UDP sockets, too."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.opened: list[Any] = []

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 0) -> None:
        """See C{IReactorUDP}."""
        self.opened.append(protocol)
        protocol.makeConnection(self)

    def connect(self, host: str, port: int) -> None:
        """The socket is for one other."""

    def getHost(self) -> TransportAddress:
        """The socket's address."""
        return TransportAddress("127.0.0.1", 40000)

    def write(self, data: bytes) -> None:
        """A datagram goes out."""
        self.sent.append(data)

    def stopListening(self) -> None:
        """The socket is closed."""


class NetworkTestCase(SynchronousTestCase):
    """Has a network."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.network = Network(self.reactor, LocalAddresses(), None, "/run/x")
        verifyObject(INetwork, self.network)


class StatusTests(NetworkTestCase):
    """L{Network.status}."""

    def ask(self) -> Any:
        """Ask, and connect."""
        self.asked = self.network.status()
        path, factory, *_ = self.reactor.unixClients[-1]
        self.assertEqual(path, "/run/x")
        protocol: Any = factory.buildProtocol(None)
        self.transport = StringTransport()
        protocol.makeConnection(self.transport)
        return protocol

    def test_runs(self) -> None:
        """A gateway says how it is."""
        protocol = self.ask()
        self.assertEqual(json.loads(self.transport.value()), {"order": "status", "words": {}})
        protocol.dataReceived(b'{"done": {"link": "up"}}\n')
        self.assertEqual(self.successResultOf(self.asked), {"link": "up"})
        protocol.connectionLost(Failure(ConnectionDone()))

    def test_none(self) -> None:
        """Where no gateway answers, whatever else does, there is none."""
        for data in (
            b"",
            b"220 mail\n",
            b'{"done": 1}\n',
            b"[]\n",
            b"[" * 5000 + b"\n",
            b'{"error": "x"}\n',
            b"x" * (3 << 20),
        ):
            protocol = self.ask()
            protocol.dataReceived(data)
            protocol.connectionLost(Failure(ConnectionDone()))
            self.assertIs(self.successResultOf(self.asked), None, data[:20])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_silent(self) -> None:
        """One that stands still is none, after a while."""
        self.ask()
        self.reactor.advance(ANSWER_TIMEOUT)
        self.assertIs(self.successResultOf(self.asked), None)

    def test_refused(self) -> None:
        """Nobody listens, or there is no socket at all."""
        asked = self.network.status()
        self.reactor.unixClients[-1][1].clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.assertIs(self.successResultOf(asked), None)
        nowhere = Network(self.reactor, LocalAddresses(), None, "")
        self.assertIs(self.successResultOf(nowhere.status()), None)


class SeenTests(NetworkTestCase):
    """L{Network.seen}."""

    def test_answer(self) -> None:
        """The address that the server tells counts; what others say, or what is no STUN, does not."""
        asked = self.network.seen(SERVER)
        (request,) = self.reactor.sent
        protocol = self.reactor.opened[0]
        for other in (b"", b"garbage", request, stun.binding(stun.query(b"x" * 12), SEEN), b"\xff" * 70000):
            protocol.datagramReceived(other, ("127.0.0.9", 3478))
            self.assertNoResult(asked)
        protocol.datagramReceived(stun.binding(request, SEEN), ("127.0.0.9", 3478))
        self.assertEqual(self.successResultOf(asked), SEEN)

    def test_silent(self) -> None:
        """It says nothing."""
        asked = self.network.seen(SERVER)
        for wait in WAITS:
            self.reactor.advance(wait)
        self.failureResultOf(asked, Unreachable)


class ExchangeTests(NetworkTestCase):
    """L{Network.exchange}."""

    def exchange(self, transport: Transport) -> Deferred[bytes]:
        target = Target(transport, TransportAddress("127.0.0.9", 5060), "sip.example.net")
        return self.network.exchange(target, lambda local: b"request", lambda data: data == b"response")

    def test_UDP(self) -> None:
        """Over UDP a datagram goes out, and its answer counts."""
        asked = self.exchange(Transport.UDP)
        self.assertEqual(self.reactor.sent, [b"request"])
        self.reactor.opened[0].datagramReceived(b"response", ("127.0.0.9", 5060))
        self.assertEqual(self.successResultOf(asked), b"response")

    def test_TCP(self) -> None:
        """Over TCP a connection is made."""
        self.exchange(Transport.TCP)
        self.assertEqual(self.reactor.tcpClients[-1][:2], ("127.0.0.9", 5060))

    def test_TLS(self) -> None:
        """Without certificates that can be used nothing goes over TLS."""
        self.assertIn("certificates", str(self.failureResultOf(self.exchange(Transport.TLS), Unreachable).value))

    def test_noWay(self) -> None:
        """There is no way to a family of addresses that this host has not."""
        self.network = Network(self.reactor, LocalAddresses("127.0.0.1"), None, "")
        target = Target(Transport.UDP, TransportAddress("2001:db8::1", 5060))
        asked = self.network.exchange(target, lambda local: b"", lambda data: True)
        self.assertIn("there is no way to it", str(self.failureResultOf(asked, Unreachable).value))


class ReachedTests(NetworkTestCase):
    """Servers of which it is only known whether anything listens."""

    def test_stream(self) -> None:
        """Over TCP it is enough that the connection is taken; it is closed at once."""
        trying = self.network.reached(SERVER, isStream=True)
        self.assertEqual(self.reactor.tcpClients[0][:2], (SERVER.host, SERVER.port))
        protocol: Any = self.reactor.tcpClients[0][2].buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        self.assertIsNone(self.successResultOf(trying))
        self.assertTrue(transport.disconnecting)

    def test_streamRefused(self) -> None:
        """A connection that is refused, or not taken in time."""
        trying = self.network.reached(SERVER, isStream=True)
        factory: Any = self.reactor.tcpClients[0][2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.assertIn("refused", str(self.failureResultOf(trying, Unreachable).value))
        trying = self.network.reached(SERVER, isStream=True)
        self.reactor.advance(60)
        self.assertTrue(self.failureResultOf(trying, Unreachable).value.isSilent)

    def test_datagrams(self) -> None:
        """Over UDP silence says nothing; a refusal does."""
        trying = self.network.reached(SERVER, isStream=False)
        self.reactor.pump([1.0] * 3)
        self.assertIsNone(self.successResultOf(trying))
        self.assertEqual(set(self.reactor.sent), {b""})
        trying = self.network.reached(SERVER, isStream=False)
        self.reactor.opened[-1].connectionRefused()
        self.failureResultOf(trying, Unreachable)

    def test_nameServer(self) -> None:
        """Whatever a name server answers, it answers; one that says nothing does not."""
        for fails, isThere in ((None, True), (DNSNameError(), True), (DNSServerError(), True), (NoTime([]), False)):
            asked: list[Any] = []

            def query(resolver: Any, question: Any, timeout: Any, fails: Any = fails) -> Deferred[Any]:
                asked.append((question.name.name, resolver.servers))  # noqa: B023
                return succeed(((), (), ())) if fails is None else fail(fails)

            self.patch(client.Resolver, "query", query)
            trying = self.network.asked(SERVER, "xmpp.example.com")
            if isThere:
                self.assertIsNone(self.successResultOf(trying))
            else:
                self.failureResultOf(trying, Unreachable)
            self.assertEqual(asked, [(b"xmpp.example.com", [(SERVER.host, SERVER.port)])])
