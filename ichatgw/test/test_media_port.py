"""
Tests for L{ichatgw.media.port}.
"""

from __future__ import annotations

import select
import socket
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.media.port import BATCH, MAX_DATAGRAM, EpollReaders, Port, Scratch, bindUDP, readersFor
from ichatgw.test.media_fakes import FakeNetwork, FakeSocket


class ScratchTests(SynchronousTestCase):
    """L{Scratch}."""

    def test_oneMemory(self) -> None:
        """The buffer, its words and its views are the same bytes."""
        scratch = Scratch()
        scratch.words[2] = 0xFFFFFFFF
        self.assertEqual(scratch.buffer[7:13], b"\0\xff\xff\xff\xff\0")
        self.assertEqual(bytes(scratch.views[10]), bytes(8) + b"\xff\xff")
        self.assertEqual([len(view) for view in scratch.views], list(range(len(scratch.buffer) + 1)))
        self.assertGreater(len(scratch.buffer), MAX_DATAGRAM)


class PortTests(SynchronousTestCase):
    """L{Port}."""

    def setUp(self) -> None:
        self.network = FakeNetwork()
        self.socket: FakeSocket = self.network.makeSocket(socket.AF_INET)
        self.scratch = Scratch()
        self.delivered: list[tuple[bytes, Any]] = []
        bound: Any = self.socket
        self.port = Port(bound, self.scratch, self.deliver)

    def deliver(self, size: int, source: Any) -> None:
        self.delivered.append((bytes(self.scratch.views[size]), source))

    def test_interface(self) -> None:
        """A reactor can read from it."""
        self.assertTrue(verifyObject(IReadDescriptor, self.port))
        self.assertEqual(self.port.logPrefix(), "media")

    def test_oneForEachRead(self) -> None:
        """Each read delivers one datagram."""
        self.socket.arriving = [(b"one", "here"), (b"two", "there")]
        self.port.doRead()
        self.assertEqual(self.delivered, [(b"one", "here")])
        self.port.doRead()
        self.assertEqual(self.delivered[1:], [(b"two", "there")])

    def test_nothingThere(self) -> None:
        """A wake-up for nothing, or the news that an earlier datagram was not wanted, delivers nothing."""
        self.port.doRead()
        self.socket.receiveError = ConnectionRefusedError()
        self.port.doRead()
        self.assertEqual(self.delivered, [])

    def test_close(self) -> None:
        """When the reactor drops it, it closes the socket."""
        self.port.connectionLost(Failure(ConnectionError()))
        self.assertEqual((self.network.sockets, self.port.fileno()), ([], -1))


class BindTests(SynchronousTestCase):
    """L{bindUDP}."""

    def setUp(self) -> None:
        self.network = FakeNetwork()

    def bind(self, family: int, host: str) -> Any:
        return bindUDP(self.network.makeSocket, family, host, 8000)

    def test_everyAddress(self) -> None:
        """Without an address of ours, all of the family are bound, and of that family only."""
        four, six = self.bind(socket.AF_INET, ""), self.bind(socket.AF_INET6, "")
        self.assertEqual((four.bound, six.bound), (("0.0.0.0", 8000), ("::", 8000)))
        self.assertEqual(four.options, [])
        self.assertEqual(six.options, [(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)])
        self.assertFalse(four.blocking or six.blocking)

    def test_oneAddress(self) -> None:
        """An address of ours is bound alone."""
        self.assertEqual(self.bind(socket.AF_INET, "192.0.2.1").bound, ("192.0.2.1", 8000))

    def test_refused(self) -> None:
        """A socket that cannot be bound is closed."""
        self.network.busy.add(8000)
        self.assertRaises(OSError, self.bind, socket.AF_INET, "")
        self.assertEqual(self.network.sockets, [])


class Reader:
    """Reads one datagram of a real socket at a time."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.read = 0
        self.lost: list[Failure] = []
        self.then: Any = None

    def arrive(self, count: int = 1) -> None:
        for _ in range(count):
            self.socket.sendto(b"x", self.socket.getsockname())

    def doRead(self) -> None:
        self.socket.recv(1)
        self.read += 1
        if self.then is not None:
            self.then()

    def fileno(self) -> int:
        return self.socket.fileno()

    def connectionLost(self, reason: Failure) -> None:
        self.lost.append(reason)
        self.socket.close()


class EpollReadersTests(SynchronousTestCase):
    """L{EpollReaders} over real sockets of this host; a datagram to oneself is there at once."""

    if not hasattr(select, "epoll"):
        skip = "this system has no epoll"

    def setUp(self) -> None:
        self.reactor = FakeNetwork()
        reactor: Any = self.reactor
        self.readers = EpollReaders(reactor)
        self.one, self.two = Reader(), Reader()
        self.addCleanup(self.one.socket.close)
        self.addCleanup(self.two.socket.close)

    def addBoth(self) -> None:
        self.readers.addReader(self.one)
        self.readers.addReader(self.two)
        self.addCleanup(self.readers.connectionLost, Failure(ConnectionError()))

    def test_interface(self) -> None:
        """To a reactor it is one reader, and only while there is something to read."""
        self.assertTrue(verifyObject(IReadDescriptor, self.readers))
        self.assertEqual((self.readers.fileno(), self.readers.logPrefix()), (-1, "media"))
        self.addBoth()
        self.assertEqual(self.reactor.readers, [self.readers])
        self.assertGreaterEqual(self.readers.fileno(), 0)
        self.readers.removeReader(self.one)
        self.readers.removeReader(self.one)
        self.readers.removeReader(self.two)
        self.assertEqual((self.reactor.readers, self.readers.fileno()), ([], -1))
        self.readers.doRead()
        self.readers.removeReader(self.two)

    def test_chosenWhereItExists(self) -> None:
        """It is used wherever there is epoll."""
        reactor: Any = self.reactor
        self.assertIsInstance(readersFor(reactor), EpollReaders)

    def test_readable(self) -> None:
        """The reactor sees it readable when one of its readers is, and then that one reads."""
        self.addBoth()
        self.two.arrive()
        self.assertEqual(select.select([self.readers], [], [], 0)[0], [self.readers])
        self.readers.doRead()
        self.assertEqual((self.one.read, self.two.read), (0, 1))
        self.assertEqual(select.select([self.readers], [], [], 0)[0], [])

    def test_takesTurns(self) -> None:
        """A reader with much to read does not keep the others waiting."""
        self.addBoth()
        self.one.arrive(BATCH)
        self.two.arrive()
        self.readers.doRead()
        self.assertEqual((self.one.read, self.two.read), (1, 1))

    def test_removedMeanwhile(self) -> None:
        """One that is removed by another reader of the same batch does not read."""
        self.addBoth()
        self.one.arrive()
        self.two.arrive()
        self.one.then = lambda: self.readers.removeReader(self.two)
        self.two.then = lambda: self.readers.removeReader(self.one)
        self.readers.doRead()
        self.assertEqual(self.one.read + self.two.read, 1)

    def test_failure(self) -> None:
        """A reader that fails is logged and closed; the others live."""
        self.addBoth()
        self.one.then = lambda: 1 // 0
        self.one.arrive(2)
        self.two.arrive()
        self.readers.doRead()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((len(self.one.lost), self.two.read), (1, 1))
        self.two.arrive()
        self.readers.doRead()
        self.assertEqual((self.one.read, self.two.read), (1, 2))

    def test_shutdown(self) -> None:
        """When the reactor goes down, all readers are closed."""
        self.readers.addReader(self.one)
        self.readers.connectionLost(Failure(ConnectionError()))
        self.assertEqual((len(self.one.lost), self.readers.fileno()), (1, -1))
