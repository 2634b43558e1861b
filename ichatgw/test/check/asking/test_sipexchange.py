"""Tests for L{ichatgw.check.asking.sipexchange}."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.check.asking.interfaces import Unreachable
from ichatgw.check.asking.sipexchange import ANSWER_TIMEOUT, REFUSED, SILENCE, WAITS, Datagrams, overStream, overUDP
from ichatgw.model import TransportAddress

THERE = TransportAddress("203.0.113.5", 5060)
ANSWER = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"


def make(local: TransportAddress) -> bytes:
    return f"from {local}".encode()


def accepts(message: bytes) -> bool:
    return message == ANSWER


class FakePort:
    """A UDP port that is open."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.connected: tuple[str, int] | None = None
        self.isClosed = False
        self.problem: OSError | None = None
        self.socket = self
        self.fault = 0

    def connect(self, host: str, port: int) -> None:
        self.connected = host, port

    def getHost(self) -> TransportAddress:
        return TransportAddress("0.0.0.0", 40000)

    def write(self, data: bytes) -> None:
        if self.problem is not None:
            raise self.problem
        self.sent.append(data)

    def stopListening(self) -> None:
        self.isClosed = True

    def getsockopt(self, level: int, option: int) -> int:
        return self.fault


class DatagramTests(SynchronousTestCase):
    """L{overUDP}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.port = FakePort()
        self.opened: list[Datagrams] = []
        self.problem: OSError | None = None

    def callLater(self, *arguments: Any) -> Any:
        return self.clock.callLater(*arguments)

    def listenUDP(self, port: int, protocol: Any, interface: str, maxPacketSize: int) -> None:
        self.assertEqual((port, interface), (0, "192.0.2.10"))
        if self.problem is not None:
            raise self.problem
        self.opened.append(protocol)
        protocol.makeConnection(self.port)

    def ask(self) -> Deferred[bytes]:
        return overUDP(self, THERE, make, accepts, "192.0.2.10")

    def assertUnreachable(self, asked: Deferred[bytes], words: str, isSilent: bool = False) -> None:
        problem: Any = self.failureResultOf(asked, Unreachable).value
        self.assertEqual((str(problem), problem.isSilent), (words, isSilent))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_answer(self) -> None:
        """The request goes to where it is to, with our address in it; the answer ends all, others do not count."""
        asked = self.ask()
        self.assertEqual((self.port.connected, self.port.sent), (("203.0.113.5", 5060), [b"from 192.0.2.10:40000"]))
        self.opened[0].datagramReceived(b"garbage", ("203.0.113.5", 5060))
        self.assertNoResult(asked)
        self.opened[0].datagramReceived(ANSWER, ("203.0.113.5", 5060))
        self.opened[0].datagramReceived(ANSWER, ("203.0.113.5", 5060))
        self.assertEqual(self.successResultOf(asked), ANSWER)
        self.assertTrue(self.port.isClosed)
        self.opened[0].doStop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence(self) -> None:
        """It is sent again some times; then the server is silent."""
        asked = self.ask()
        for wait in WAITS:
            self.assertNoResult(asked)
            self.clock.advance(wait)
        self.assertEqual(len(self.port.sent), len(WAITS))
        self.assertUnreachable(asked, SILENCE, isSilent=True)

    def test_refused(self) -> None:
        """ICMP tells that nothing listens there, however the reactor hears of it."""
        asked = self.ask()
        self.opened[0].connectionRefused()
        self.assertUnreachable(asked, REFUSED)
        self.port = FakePort()
        self.port.fault = errno.ECONNREFUSED
        asked = self.ask()
        self.opened[1].doStop()
        self.assertUnreachable(asked, REFUSED)
        self.port.fault = errno.EHOSTUNREACH
        asked = self.ask()
        self.opened[2].doStop()
        self.assertUnreachable(asked, "No route to host")

    def test_noWay(self) -> None:
        """A system that cannot send says why; one that has no socket, too."""
        self.port.problem = OSError(errno.ENETUNREACH, "Network is unreachable")
        self.assertUnreachable(self.ask(), "Network is unreachable")
        self.problem = OSError(errno.EMFILE, "Too many open files")
        self.assertUnreachable(self.ask(), "no socket: [Errno 24] Too many open files")

    def test_cancelled(self) -> None:
        """One that is given up is closed."""
        asked = self.ask()
        asked.cancel()
        self.assertTrue(self.port.isClosed)
        self.failureResultOf(asked)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class StreamTests(SynchronousTestCase):
    """L{overStream}."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.asked: Deferred[bytes] = Deferred.fromCoroutine(
            overStream(self.reactor, THERE, make, accepts, lambda factory: factory)
        )

    def factory(self) -> Factory:
        factory: Factory = self.reactor.tcpClients[-1][2]
        return factory

    def connect(self) -> Any:
        """The server takes the connection."""
        protocol: Any = self.factory().buildProtocol(None)
        self.transport = StringTransport(hostAddress=TransportAddress("192.0.2.10", 40000))
        protocol.makeConnection(self.transport)
        return protocol

    def words(self) -> tuple[str, bool]:
        problem: Any = self.failureResultOf(self.asked, Unreachable).value
        return str(problem), problem.isSilent

    def test_answer(self) -> None:
        """The answer comes in pieces, behind others, and the connection is closed."""
        protocol = self.connect()
        self.assertEqual(self.transport.value(), b"from 192.0.2.10:40000")
        protocol.dataReceived(b"SIP/2.0 100 Trying\r\nContent-Length: 0\r\n\r\n" + ANSWER[:9])
        self.assertNoResult(self.asked)
        protocol.dataReceived(ANSWER[9:] + ANSWER)
        self.assertEqual(self.successResultOf(self.asked), ANSWER)
        self.assertTrue(self.transport.disconnected)

    def test_refused(self) -> None:
        """Nothing listens there."""
        self.factory().clientConnectionFailed(None, Failure(ConnectionRefusedError()))  # type: ignore[attr-defined]
        self.assertEqual(self.words(), ("refused: nothing listens on that TCP port", False))

    def test_silent(self) -> None:
        """There is no connection in time."""
        self.factory().clientConnectionFailed(None, Failure(ConnectTimeout()))  # type: ignore[attr-defined]
        self.assertEqual(self.words(), (SILENCE, True))
        self.setUp()
        self.reactor.advance(ANSWER_TIMEOUT)
        self.assertEqual(self.words(), (SILENCE, True))

    def test_silentAfter(self) -> None:
        """It takes the connection, and says nothing."""
        self.connect()
        self.reactor.advance(ANSWER_TIMEOUT)
        self.assertEqual(self.words(), ("it takes the connection and does not answer", True))

    def test_closed(self) -> None:
        """It closes the connection, or breaks it off."""
        self.connect().connectionLost(Failure(ConnectionLost()))
        self.assertIn("lost", self.words()[0])
        self.setUp()
        self.connect().connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.words(), ("it closes the connection", False))

    def test_garbage(self) -> None:
        """It sends what is no SIP, endlessly."""
        protocol = self.connect()
        protocol.dataReceived(b"x" * 70000)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertIn("what it sends is no SIP", self.words()[0])

    def test_certificate(self) -> None:
        """Its certificate is no good, which is said rather than that the connection ended."""
        protocol = self.connect()
        protocol._wrappedProtocol.refused("its certificate is refused: it has expired")
        protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.words()[0], "its certificate is refused: it has expired")
