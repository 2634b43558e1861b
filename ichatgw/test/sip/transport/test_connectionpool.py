# -*- test-case-name: ichatgw.test.sip.transport.test_connectionpool -*-
"""
Tests for L{ichatgw.sip.transport.connectionpool}.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from socket import IPPROTO_TCP, TCP_NODELAY, TCP_USER_TIMEOUT, socketpair
from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.runtime.ratelimit import LINES
from ichatgw.runtime.turns import MAX_LAG, MEDIA_INTERVAL, TURN_JOBS, WAITING
from ichatgw.sip.transport import connectionlimits
from ichatgw.sip.transport.connection import (
    FIRST_WORD_TIMEOUT,
    FREE_READINGS,
    IDLE_TIMEOUT,
    MAX_READINGS,
    MAX_UNSENT,
    SLICE,
    THROTTLED,
    Connection,
)
from ichatgw.sip.transport.connectionlimits import (
    MAX_CONNECTIONS,
    MAX_FROM_HOST,
    MAX_FROM_NETWORK,
    MAX_OF_STRANGERS,
)
from ichatgw.sip.transport.connectionpool import HANDSHAKE, Connections
from ichatgw.sip.transport.keepalive import ANOTHER, PONG_TIMEOUT, PROMPT, PROOFS
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.marks import slow

MESSAGE = b"OPTIONS sip:a SIP/2.0\r\nl: 0\r\n\r\n"


SHORT = b"a\nl:0\n\n"


class Counted:
    """Counts what is cut off from the stream of a connection."""

    def __init__(self, connection: Connection) -> None:
        self.count = 0
        framer = connection._framer
        whole = framer.feed

        def feed(data: bytes) -> Iterator[bytes]:
            for message in whole(data):
                self.count += 1
                yield message

        self.connection = connection
        connection._framer = SimpleNamespace(feed=feed, partial=False)  # type: ignore[assignment]


def at(port: int, host: str = "192.0.2.1") -> Target:
    return Target(Transport.TCP, TransportAddress(host, port))


class Socket(StringTransport):
    """A socket that tells its protocol when it is closed."""

    protocol: Connection

    def abortConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self.protocol.connectionLost(Failure(ConnectionDone()))


class ConnectionsCase(SynchronousTestCase):
    """Connections over sockets of memory."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.received: list[tuple[bytes, TransportAddress, Transport]] = []
        self.lost: list[Target] = []
        self.connections = Connections(self.reactor)
        self.connections.received = lambda *message: self.received.append(message)
        self.connections.unreachable = lambda target, why: self.lost.append(target)
        self.cut: list[Target] = []
        self.connections.gone = lambda target, why: self.cut.append(target)

    def accept(self, port: int = 40000, host: str = "192.0.2.1") -> Connection | None:
        """Somebody connects."""
        address = IPv4Address("TCP", host, port)
        made: Any = self.connections.server(Transport.TCP).buildProtocol(address)
        return None if made is None else self.join(made, address)

    def join(self, connection: Any, address: IPv4Address) -> Connection:
        socket = Socket(peerAddress=address)
        socket.protocol = connection
        connection.makeConnection(socket)
        assert isinstance(connection, Connection)
        return connection

    def dialled(self) -> tuple[str, int, Any]:
        host, port, factory, _, _ = self.reactor.tcpClients.pop()
        return host, port, factory

    def written(self, connection: Connection) -> bytes:
        socket: Any = connection.transport
        data: bytes = socket.value()
        socket.clear()
        return data


class IncomingTests(ConnectionsCase):
    """Those who connect to us."""

    def test_freedAtOnce(self) -> None:
        """A connection that is over is freed without Python's collector, as there may be many of strangers."""
        connection = self.accept()
        assert connection is not None
        connection.dataReceived(MESSAGE)
        connection.abort("it leaves")
        over = weakref.ref(connection)
        gc.disable()
        self.addCleanup(gc.enable)
        transport: Any = connection.transport
        transport.producer = None  # as a real one does when it is closed
        del transport.protocol, transport, connection
        self.assertIsNone(over())

    def test_messages(self) -> None:
        """What comes is handed on with where it came from; an answer goes back the same way."""
        connection = self.accept()
        assert connection is not None
        connection.dataReceived(MESSAGE + MESSAGE[:5])
        self.assertEqual(self.received, [(MESSAGE, TransportAddress("192.0.2.1", 40000), Transport.TCP)])
        self.assertTrue(self.connections.isOpen(at(40000)))
        self.connections.send(b"answer", at(40000))
        self.assertEqual(self.written(connection), b"answer")
        self.assertEqual(self.reactor.tcpClients, [])

    def test_crowd(self) -> None:
        """Messages for which a turn has no room wait for the next one; till then the connection is not read on."""
        connection = self.accept()
        assert connection is not None
        transport: Any = connection.transport
        connection.dataReceived(MESSAGE * (TURN_JOBS + WAITING))
        self.assertEqual((len(self.received), transport.producerState), (TURN_JOBS, "paused"))
        self.reactor.advance(0)
        self.assertEqual((len(self.received), transport.producerState), (TURN_JOBS + WAITING, "producing"))

    @slow
    def test_thousandsInOneReading(self) -> None:
        """Of thousands of messages that are read at once only those are cut off that may wait; none is lost."""
        count = 5000
        for name, filling in (("messages", MESSAGE), ("keepalives between", b"\r\n\r\n" + MESSAGE), ("LF", SHORT)):
            with self.subTest(name):
                self.received.clear()
                connection = self.accept()
                assert connection is not None
                cut = Counted(connection)
                connection.dataReceived(filling * count)
                self.assertLessEqual(cut.count, 2 * (TURN_JOBS + WAITING))
                self.reactor.advance(0)
                self.assertEqual(len(self.received), count)
                connection.abort("it leaves")

    def test_thousandsOfOneThatLeaves(self) -> None:
        """They are handed on even if their sender closes the connection at once, and nothing is left of it then."""
        connection = self.accept()
        assert connection is not None
        connection.dataReceived(MESSAGE * 300 + b"half of one")
        connection.connectionLost(Failure(ConnectionDone()))
        for _ in range(20):
            self.reactor.advance(0)
        self.assertEqual(len(self.received), 300)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_tooMuch(self) -> None:
        """One who sends more than strangers may has to wait, and is not read meanwhile; nothing is lost."""
        connection = self.accept()
        assert connection is not None
        transport: Any = connection.transport
        tokens = 10

        def received(message: bytes, source: TransportAddress, kind: Transport) -> bool:
            nonlocal tokens
            tokens -= 1
            if tokens >= 0:
                self.received.append((message, source, kind))
            return tokens >= 0

        self.connections.received = received
        sent = [MESSAGE.replace(b"sip:a", b"sip:%d" % each) for each in range(25)]
        connection.dataReceived(b"".join(sent))
        for heard in (10, 20):
            self.assertEqual((len(self.received), transport.producerState), (heard, "paused"))
            self.reactor.advance(THROTTLED * 0.9)
            self.assertEqual((len(self.received), transport.producerState), (heard, "paused"))
            tokens = 10
            self.reactor.advance(THROTTLED * 0.2)
        self.assertEqual(transport.producerState, "producing")
        self.assertEqual([message for message, _, _ in self.received], sent)

    def test_tooMuchOfACrowd(self) -> None:
        """It is not read on either when messages that had to wait for their turn are through; nor when it has left."""
        connection = self.accept()
        assert connection is not None
        transport: Any = connection.transport
        asked: list[bytes] = []

        def received(message: bytes, source: TransportAddress, kind: Transport) -> bool:
            asked.append(message)
            return len(asked) <= TURN_JOBS

        self.connections.received = received
        connection.dataReceived(MESSAGE * (TURN_JOBS + WAITING))
        self.reactor.advance(0)
        self.assertEqual((len(asked), transport.producerState), (TURN_JOBS + 1, "paused"))
        transport.abortConnection()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_paid(self) -> None:
        """A stranger pays for a connection, and for a TLS handshake more; who may call does not."""
        asked: list[tuple[str, int]] = []
        self.connections.mayCall = lambda host: host == "192.0.2.1"

        def pays(host: str, octets: int) -> bool:
            asked.append((host, octets))
            return len(asked) <= 2

        self.connections.pays = pays
        self.assertIsNotNone(self.accept(40000, "192.0.2.1"))
        taken = [self.accept(40000 + port, "203.0.113.1") is not None for port in range(4)]
        self.assertEqual((taken, asked), ([True, True, False, False], [("203.0.113.1", 0)] * 4))
        self.connections.admits("203.0.113.1", HANDSHAKE)
        self.assertEqual(asked[-1], ("203.0.113.1", HANDSHAKE))

    def test_slices(self) -> None:
        """A stranger is read a little at a time, over TLS too."""
        self.connections.mayCall = lambda host: host == "192.0.2.1"
        little: list[Connection] = []
        whole = Connection.readLittle
        self.patch(Connection, "readLittle", lambda connection: little.append(connection))
        taken = [self.accept(40000, host) for host in ("192.0.2.1", "203.0.113.1")]
        self.assertEqual(little, taken[1:])
        below: Any = SimpleNamespace(socket=None)
        little[0].transport = SimpleNamespace(transport=below)  # type: ignore[assignment]
        whole(little[0])
        self.assertEqual(below.bufferSize, SLICE)

    def test_behind(self) -> None:
        """
        One that may call is behind as long as the system keeps more of what it has sent, however little of it waits
        here; then there is too much to do for new calls.  A stranger never is, nor one that has left.
        """
        near, far = socketpair()
        for opened in (near, far):
            self.addCleanup(opened.close)
        turns = self.connections.turns
        for mayCall, leaves in ((True, False), (True, True), (False, False)):
            far.send(b"more")
            self.connections.mayCall = lambda host: mayCall  # noqa: B023
            connection = self.accept()
            assert connection is not None
            transport: Any = connection.transport
            transport.socket, transport.fileno = near, near.fileno
            for _ in range(5):
                connection.dataReceived(MESSAGE * (TURN_JOBS + 1))
                self.reactor.advance(0)
                self.reactor.rightNow += MAX_LAG / 4
            self.assertEqual((turns.isLate, len(connection._line)), (mayCall, 0))
            if leaves:
                connection.abort("it leaves")
            else:
                near.recv(100)
                connection.dataReceived(MESSAGE)
                self.reactor.advance(0)
            self.assertEqual(turns.lag, 0.0)

    def test_crowdOfOneThatLeaves(self) -> None:
        """What came before the end of a connection is handed on all the same."""
        connection = self.accept()
        assert connection is not None
        connection.dataReceived(MESSAGE * (TURN_JOBS + WAITING))
        connection.abort("it leaves")
        self.reactor.advance(0)
        self.assertEqual(len(self.received), TURN_JOBS + WAITING)

    def test_ping(self) -> None:
        """A keepalive is answered here."""
        connection = self.accept()
        assert connection is not None
        connection.dataReceived(b"\r\n\r\n")
        self.assertEqual((self.written(connection), self.received), (b"\r\n", []))

    def test_manyPings(self) -> None:
        """Keepalives are paid for like messages: a stranger who sends too many is not read for a while."""
        connection = self.accept()
        assert connection is not None
        transport: Any = connection.transport
        asked: list[tuple[str, int]] = []
        self.connections.pays = lambda host, octets: asked.append((host, octets)) or len(asked) <= 2  # type: ignore[func-returns-value]
        for times in (1, 1000):
            connection.dataReceived(b"\r\n\r\n" * times)
            self.assertEqual((self.written(connection), transport.producerState), (b"\r\n", "producing"))
        connection.dataReceived(b"\r\n\r\n" + MESSAGE)
        self.assertEqual((len(self.received), transport.producerState), (1, "paused"))
        self.assertEqual(asked, [("192.0.2.1", 0)] * 3)
        self.reactor.advance(THROTTLED)
        self.assertEqual(transport.producerState, "producing")
        self.connections.mayCall = lambda host: True
        connection.dataReceived(b"\r\n\r\n")
        self.assertEqual((len(asked), transport.producerState), (3, "producing"))

    def test_pieces(self) -> None:
        """So is a message that a stranger sends in many pieces; once it is whole, some pieces are free again."""
        connection = self.accept()
        assert connection is not None
        transport: Any = connection.transport
        asked: list[tuple[str, int]] = []
        self.connections.pays = lambda host, octets: asked.append((host, octets)) or len(asked) <= 2  # type: ignore[func-returns-value]
        for piece in MESSAGE[: FREE_READINGS + 2]:
            connection.dataReceived(bytes([piece]))
        self.assertEqual((asked, transport.producerState), ([("192.0.2.1", 0)] * 2, "producing"))
        connection.dataReceived(MESSAGE[FREE_READINGS + 2 : FREE_READINGS + 4])
        self.assertEqual((len(asked), transport.producerState), (3, "paused"))
        self.reactor.advance(THROTTLED)
        self.assertEqual(transport.producerState, "producing")
        connection.dataReceived(MESSAGE[FREE_READINGS + 4 :])
        self.reactor.advance(THROTTLED)
        self.assertEqual([message for message, *_ in self.received], [MESSAGE])
        asked.clear()
        for piece in MESSAGE[:FREE_READINGS]:
            connection.dataReceived(bytes([piece]))
        self.assertEqual(asked, [])

    def test_tooManyPieces(self) -> None:
        """However much a stranger may send: so many pieces bring a whole message, or the connection is over."""
        for most in (MAX_READINGS, MAX_READINGS + 1):
            connection = self.accept()
            assert connection is not None
            for piece in MESSAGE[:20]:
                connection.dataReceived(bytes([piece]))
            connection.dataReceived(MESSAGE[20:] + MESSAGE[:1])
            for piece in b"x" * most:
                connection.dataReceived(bytes([piece]))
            self.assertEqual(connection.problem, "" if most == MAX_READINGS else "it sends too many pieces")
            connection.abort("it leaves")

    def test_piecesOfOneThatMayCall(self) -> None:
        """One that may call may send in as many pieces as it likes."""
        self.connections.mayCall = lambda host: True
        self.connections.pays = lambda host, octets: False
        connection = self.accept()
        assert connection is not None
        for piece in MESSAGE:
            connection.dataReceived(bytes([piece]))
        self.assertEqual([message for message, *_ in self.received], [MESSAGE])

    def test_pieceAfterTheEnd(self) -> None:
        """A piece that comes when the connection is over leaves no timer."""
        connection = self.accept()
        assert connection is not None
        self.connections.pays = lambda host, octets: False
        connection.abort("it leaves")
        for _ in range(FREE_READINGS + 2):
            connection.read()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_mediaFirst(self) -> None:
        """Media waits neither until a thousand connections have been read, nor until they are closed."""
        connections = [self.accept(40000 + number) for number in range(20)]
        passes: list[float] = []
        self.connections.turns.media = lambda: passes.append(self.reactor.seconds())
        for connection in connections:
            assert connection is not None
            self.reactor.rightNow += MEDIA_INTERVAL
            connection.dataReceived(b"I")
        self.assertEqual(len(passes), 20)
        for connection in connections:
            assert connection is not None
            self.reactor.rightNow += MEDIA_INTERVAL
            connection.abort("it leaves")
        self.assertEqual(len(passes), 40)

    def test_garbage(self) -> None:
        """What is no SIP ends the connection, and says why."""
        connection = self.accept()
        assert connection is not None
        with capturedLogs() as events:
            connection.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(self.connections.open, 0)
        self.assertIn("Content-Length", formatEvent(events[-1]) or "")
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_garbageOfMany(self) -> None:
        """
        About connections of strangers there are a few lines, however many strangers there are; those about hosts that
        may call, and to hosts that are called, are written all the same.
        """
        self.connections.mayCall = lambda host: host == "192.0.2.1"
        hosts = [f"203.0.113.{number}" for number in range(100)]
        with capturedLogs() as events:
            for host in (*hosts, "192.0.2.1"):
                connection = self.accept(40000, host)
                assert connection is not None
                connection.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
            self.connections.send(b"x", at(5060, "203.0.113.200"))
            self.dialled()[2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        lines = [formatEvent(event) or "" for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual(len(lines), LINES[1] + 2)
        self.assertIn("192.0.2.1", lines[-2])
        self.assertIn("203.0.113.200", lines[-1])

    def test_silence(self) -> None:
        """Who connects and says nothing, or begins and does not end, is sent away; who has spoken has longer."""
        self.accept()
        self.reactor.advance(FIRST_WORD_TIMEOUT + 1)
        self.assertEqual(self.connections.open, 0)
        connection = self.accept()
        assert connection is not None
        connection.dataReceived(MESSAGE)
        self.reactor.advance(IDLE_TIMEOUT - 1)
        connection.dataReceived(MESSAGE[:5])
        for octet in MESSAGE[5:9]:
            self.reactor.advance(FIRST_WORD_TIMEOUT / 4 - 0.1)
            connection.dataReceived(bytes([octet]))
        self.assertEqual(self.connections.open, 1)
        self.reactor.advance(1)
        self.assertEqual(self.connections.open, 0)

    def test_pingKeepsOpen(self) -> None:
        """Keepalives keep a connection open over which something was said."""
        connection = self.accept()
        assert connection is not None
        connection.dataReceived(MESSAGE)
        for _ in range(5):
            self.reactor.advance(IDLE_TIMEOUT - 1)
            connection.dataReceived(b"\r\n\r\n")
        self.assertEqual(self.connections.open, 1)

    def test_pingIsNoWord(self) -> None:
        """One who sends keepalives only, single or double, has said nothing."""
        for keepalive in (b"\r\n\r\n", b"\r\n", b"\r\n\r\n\r\n\r\n"):
            connection = self.accept()
            assert connection is not None
            for _ in range(4):
                self.assertEqual(self.connections.open, 1)
                connection.dataReceived(keepalive)
                self.reactor.advance(FIRST_WORD_TIMEOUT / 4)
            self.assertEqual(self.connections.open, 0, keepalive)

    def test_limits(self) -> None:
        """One host has so many connections and no more, may it call or not; others are not concerned."""
        for mayCall in (False, True):
            self.connections.mayCall = lambda host, mayCall=mayCall: mayCall  # type: ignore[misc]
            for port in range(MAX_FROM_HOST):
                self.assertIsNotNone(self.accept(40000 + port, f"192.0.2.{mayCall:d}"))
            self.assertIsNone(self.accept(50000, f"192.0.2.{mayCall:d}"))
            self.assertIsNotNone(self.accept(50000, f"192.0.3.{mayCall:d}"))

    @slow
    def test_network(self) -> None:
        """One network of strangers has so many connections and no more."""
        for number in range(MAX_FROM_NETWORK):
            self.assertIsNotNone(self.accept(40000 + number // 100, f"192.0.2.{number % 100}"))
        self.assertIsNone(self.accept(50000, "192.0.2.200"))
        self.connections.mayCall = lambda host: host == "192.0.2.201"
        self.assertIsNotNone(self.accept(50000, "192.0.2.201"))

    @slow
    def test_strangersFill(self) -> None:
        """
        Twenty hosts that may not call, with 200 connections each that have sent a keepalive, or even a request, keep
        nobody off: hosts that may call have the rest, and a stranger from elsewhere gets the place of one of them.
        """
        self.connections.mayCall = lambda host: host.startswith("10.")
        for number in range(20):
            for port in range(40000, 40200):
                each = self.accept(port, f"198.51.{number}.7")
                if each is not None:
                    each.dataReceived(MESSAGE if number % 2 else b"\r\n\r\n")
        self.assertEqual(self.connections.open, MAX_OF_STRANGERS)
        peers = [self.accept(port, f"10.0.0.{number}") for number in range(15) for port in range(40000, 40200)]
        self.assertEqual([each for each in peers if each is None or each.problem], [])
        self.assertEqual(self.connections.open, MAX_CONNECTIONS)
        stranger = self.accept(40000, "203.0.113.9")
        assert stranger is not None
        self.assertIsNotNone(self.accept(40000, "10.0.1.1"))
        self.assertEqual((self.connections.open, stranger.problem), (MAX_CONNECTIONS, ""))

    def test_loggedIn(self) -> None:
        """A stranger's connection over which a user logs in is a stranger's no more, and goes for nobody."""
        self.patch(connectionlimits, "MAX_FROM_NETWORK", 3)
        phone = self.accept(40000, "192.0.2.1")
        assert phone is not None
        proved = set()

        def received(*message: object) -> None:
            proved.add("192.0.2.1")

        self.connections.received = received
        self.connections.mayCall = proved.__contains__
        phone.dataReceived(MESSAGE)
        others = [self.accept(40000 + port, "192.0.2.2") for port in range(3)]
        self.assertNotIn(None, others)
        self.assertIsNone(self.accept(50000, "192.0.2.3"))
        self.assertEqual(phone.problem, "")

    def test_readsNothing(self) -> None:
        """One who does not read what we send is sent away before it costs us much."""
        connection = self.accept()
        assert connection is not None
        connection.pauseProducing()
        self.connections.send(b"x" * 100, at(40000))
        self.assertEqual(self.written(connection), b"")
        connection.resumeProducing()
        self.assertEqual(self.written(connection), b"x" * 100)
        connection.pauseProducing()
        for _ in range(MAX_UNSENT // 1000 + 1):
            self.connections.send(b"x" * 1000, at(40000))
        self.assertEqual(self.connections.open, 0)

    def test_gone(self) -> None:
        """Nobody is called back at the port that he once came from."""
        connection = self.accept()
        assert connection is not None
        connection.connectionLost(Failure(ConnectionDone()))
        self.connections.send(b"answer", at(40000))
        self.assertEqual(self.reactor.tcpClients, [])

    def test_goneIsSaid(self) -> None:
        """A request that is sent there all the same is lost at once, and not waited for."""
        connection = self.accept()
        assert connection is not None
        connection.connectionLost(Failure(ConnectionDone()))
        self.connections.send(b"request", at(40000))
        self.assertEqual(self.lost, [])
        self.reactor.advance(0)
        self.assertEqual(self.lost, [at(40000)])
        self.connections.send(b"request", at(40000))
        self.connections.close()
        self.reactor.advance(0)
        self.assertEqual(self.lost, [at(40000)])

    def test_failingReceiver(self) -> None:
        """What fails over one message does not end the connection."""

        def fail(*message: object) -> None:
            raise ZeroDivisionError

        self.connections.received = fail
        connection = self.accept()
        assert connection is not None
        connection.dataReceived(MESSAGE + MESSAGE)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertEqual(self.connections.open, 1)

    def test_close(self) -> None:
        """A stop closes all, and admits nobody."""
        self.accept()
        self.connections.send(b"x", at(5060))
        _, _, factory = self.dialled()
        self.connections.close()
        self.assertIsNone(self.accept(40001))
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.assertEqual((self.connections.open, self.lost), (0, []))
        self.connections.send(b"x", at(5062))
        self.assertEqual(self.reactor.tcpClients, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class OutgoingTests(ConnectionsCase):
    """Those whom we connect to."""

    def connect(self, port: int = 5060) -> Connection:
        host, dialled, factory = self.dialled()
        self.assertEqual((host, dialled), ("192.0.2.1", port))
        address = IPv4Address("TCP", host, dialled)
        return self.join(factory.buildProtocol(address), address)

    def test_waits(self) -> None:
        """What is sent while a connection is made waits for it, in order; one connection is made."""
        self.connections.send(b"one", at(5060))
        self.connections.send(b"two", at(5060))
        self.assertEqual(len(self.reactor.tcpClients), 1)
        connection = self.connect()
        self.assertEqual(self.written(connection), b"onetwo")
        self.connections.send(b"three", at(5060))
        self.assertEqual(self.written(connection), b"three")
        self.assertEqual(self.reactor.tcpClients, [])

    def test_refused(self) -> None:
        """A target that refuses is told of, and logged; the next message tries anew."""
        self.connections.send(b"one", at(5060))
        _, _, factory = self.dialled()
        with capturedLogs() as events:
            factory.clientConnectionFailed(None, Failure(ConnectionRefusedError("no")))
        self.assertEqual(self.lost, [at(5060)])
        self.assertIn("tcp:192.0.2.1:5060", formatEvent(events[-1]) or "")
        self.connections.send(b"two", at(5060))
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.assertEqual(self.connections.open, 1)

    def test_cut(self) -> None:
        """A connection that was cut is made anew when there is something to say."""
        self.connections.send(b"one", at(5060))
        self.connect().connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.connections.open, self.lost), (0, []))
        self.connections.send(b"two", at(5060))
        self.assertEqual(self.written(self.connect()), b"two")

    def test_beingClosed(self) -> None:
        """What is sent while a connection is being closed takes another one: a real socket takes a moment for that."""
        self.connections.send(b"one", at(5060))
        connection = self.connect()
        socket: Any = connection.transport
        socket.abortConnection = lambda: None
        connection.abort("it says nothing of use")
        self.assertFalse(self.connections.isOpen(at(5060)))
        self.connections.send(b"two", at(5060))
        other = self.connect()
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.written(connection), self.written(other)), (b"one", b"two"))
        self.assertTrue(self.connections.isOpen(at(5060)))

    def test_inUse(self) -> None:
        """A connection that is pinged is in use: it is not closed because nobody has anything to say."""
        self.connections.send(b"one", at(5060))
        connection = self.connect()
        for _ in range(4):
            self.connections.ping(at(5060))
            self.reactor.advance(IDLE_TIMEOUT - 1)
        self.assertEqual(self.connections.open, 1)
        connection.dataReceived(MESSAGE[:6])
        self.connections.ping(at(5060))
        self.reactor.advance(FIRST_WORD_TIMEOUT + 1)
        self.assertEqual(self.connections.open, 0)

    def test_tuned(self) -> None:
        """Each message is sent at once, and who acknowledges nothing is given up by the system; so below TLS."""
        options: list[tuple[int, int, int]] = []

        class Tuned(Socket):
            socket: Any = SimpleNamespace(setsockopt=lambda *option: options.append(option))

        for transport in (Tuned(), SimpleNamespace(transport=Tuned(), registerProducer=lambda *_: None)):
            connection = Connection(self.connections, Transport.TCP, at(5060))
            connection.makeConnection(transport)
        expected = [(IPPROTO_TCP, TCP_NODELAY, 1), (IPPROTO_TCP, TCP_USER_TIMEOUT, 30_000)]
        self.assertEqual(options, expected * 2)

    def test_pingAnswered(self) -> None:
        """One who answers pings stays, and hears the next one too."""
        self.connections.send(b"one", at(5060))
        connection = self.connect()
        self.written(connection)
        self.prove(connection)
        for _ in range(3):
            self.connections.ping(at(5060))
            self.assertEqual(self.written(connection), b"\r\n\r\n")
            connection.dataReceived(b"\r\n")
            self.reactor.advance(PONG_TIMEOUT + 1)
            self.assertEqual((self.connections.open, self.written(connection)), (1, b""))

    def prove(self, connection: Connection) -> None:
        """The far end shows that it answers pings: one, and another that comes of itself."""
        self.connections.ping(at(5060))
        for _ in range(PROOFS):
            self.assertEqual(self.written(connection)[-4:], b"\r\n\r\n")
            connection.dataReceived(b"\r\n")
            self.reactor.advance(ANOTHER)

    def test_pingAnsweredNoMore(self) -> None:
        """One who has answered and does not any more is gone: that is said, and the next message connects anew."""
        self.connections.send(b"one", at(5060))
        connection = self.connect()
        self.prove(connection)
        self.connections.ping(at(5060))
        with capturedLogs() as events:
            self.reactor.advance(PONG_TIMEOUT + 1)
        self.assertEqual((self.connections.open, self.lost, self.cut), (0, [], [at(5060)]))
        self.assertIn("tcp:192.0.2.1:5060 is closed: it answers keepalives no more", formatEvent(events[-1]) or "")
        self.connections.send(b"two", at(5060))
        self.assertEqual(self.written(self.connect()), b"two")

    def test_aliveAnyway(self) -> None:
        """One who says something else instead of answering is there."""
        self.connections.send(b"one", at(5060))
        connection = self.connect()
        self.prove(connection)
        self.connections.ping(at(5060))
        connection.dataReceived(MESSAGE)
        self.reactor.advance(PONG_TIMEOUT + 1)
        self.assertEqual(self.connections.open, 1)

    def test_oddKeepalive(self) -> None:
        """A phone that sends single empty lines of its own accord, whenever it likes, need not answer ours."""
        self.connections.send(b"one", at(5060))
        connection = self.connect()
        for _ in range(5):
            self.connections.ping(at(5060))
            self.reactor.advance(PROMPT + 1)
            connection.dataReceived(b"\r\n")
            self.reactor.advance(PONG_TIMEOUT + 1)
        self.assertEqual(self.connections.open, 1)

    def test_endedMeanwhile(self) -> None:
        """A connection that ends between two proofs leaves nothing behind."""
        self.connections.send(b"one", at(5060))
        connection = self.connect()
        self.connections.ping(at(5060))
        connection.dataReceived(b"\r\n")
        connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_pingNeverAnswered(self) -> None:
        """One who has never answered a ping need not."""
        self.connections.send(b"one", at(5060))
        self.connect()
        self.connections.ping(at(5060))
        self.reactor.advance(PONG_TIMEOUT + 1)
        self.assertEqual(self.connections.open, 1)

    def test_pingNobody(self) -> None:
        """Nobody is connected to for a ping, and one who reads nothing gets none."""
        self.connections.ping(at(5060))
        self.assertEqual(self.reactor.tcpClients, [])
        self.connections.send(b"one", at(5060))
        connection = self.connect()
        connection.pauseProducing()
        self.connections.ping(at(5060))
        self.assertEqual(connection._waiting, [])

    def test_noTLS(self) -> None:
        """Without TLS there is none."""
        self.assertRaises(
            ValueError,
            self.connections.send,
            b"x",
            Target(Transport.TLS, TransportAddress("192.0.2.1", 5061)),
        )
