"""
Tests for L{ichatgw.media.sockets.readers}.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.media.sockets.readers import (
    FEW,
    MANY,
    MAX_FAILURES,
    PACE,
    PERIOD,
    REST,
    ROUNDS,
    EpollReaders,
    Waiting,
    readersFor,
)
from ichatgw.test.support.media.fakes import FakeNetwork

EPOLL = select.epoll


class Reader:
    """Reads one datagram of a real socket at a time."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.read = 0
        self.lost: list[Failure] = []
        self.then: Any = None

    def arrive(self, count: int = 1) -> None:
        for _ in range(count):
            self.socket.sendto(b"x", self.socket.getsockname())

    def doRead(self) -> Failure | None:
        try:
            self.socket.recv(1)
        except BlockingIOError:
            return None
        except OSError as problem:
            return Failure(problem)
        self.read += 1
        if self.then is not None:
            self.then()
        return None

    def fileno(self) -> int:
        return self.socket.fileno()

    def connectionLost(self, reason: Failure) -> None:
        self.lost.append(reason)
        self.socket.close()


class NoRoom:
    """An epoll that takes nothing more."""

    def register(self, descriptor: int, events: int) -> None:
        raise OSError(errno.ENOSPC, "no room")


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
        self.addCleanup(self.readers.connectionLost, Failure(ConnectionLost()))

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

    def test_shutDown(self) -> None:
        """A socket that was shut down is told of that and not watched any more: it would keep the reactor awake."""
        self.addBoth()
        with self.assertRaises(OSError):  # which does it nevertheless
            self.one.socket.shutdown(socket.SHUT_RDWR)
        self.two.arrive(2)
        self.readers.doRead()
        self.assertEqual((len(self.one.lost), self.two.read, self.two.lost), (1, 2, []))
        self.assertEqual(select.select([self.readers], [], [], 0)[0], [])

    def test_cannotBeRead(self) -> None:
        """So is one that says why it cannot be read."""
        self.addBoth()
        self.one.arrive()
        self.patch(self.one, "doRead", lambda: Failure(OSError(errno.EIO, "x")))
        self.readers.doRead()
        (failure,) = self.one.lost
        self.assertIsInstance(failure.value, OSError)
        self.assertEqual(select.select([self.readers], [], [], 0)[0], [])

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

    def test_backlog(self) -> None:
        """What has come meanwhile is read in one go."""
        self.addBoth()
        self.one.arrive(ROUNDS)
        self.two.arrive(2)
        self.readers.drain()
        self.assertEqual((self.one.read, self.two.read), (ROUNDS, 2))

    def test_takesTurns(self) -> None:
        """A reader with much to read does not keep the others waiting, nor the reactor."""
        self.addBoth()
        order: list[str] = []
        self.one.then = lambda: order.append("one")
        self.two.then = lambda: order.append("two")
        self.one.arrive(2 * ROUNDS)
        self.two.arrive()
        self.readers.drain()
        self.assertIn("two", order[:2])
        self.assertEqual((self.one.read, self.two.read), (ROUNDS, 1))

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
        """What fails for one packet is logged, a few times; its port and the others live."""
        self.addBoth()
        self.one.then = lambda: 1 // 0
        for _ in range(20):
            self.one.arrive()
            self.readers.drain()
        self.two.arrive()
        self.readers.drain()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 5)
        self.assertEqual((self.one.read, len(self.one.lost), self.two.read), (20, 0, 1))

    def exhaust(self) -> None:
        """So many packets fail that the port rests."""
        self.addBoth()
        self.one.then = lambda: 1 // 0
        self.one.arrive(MAX_FAILURES + 2)
        while self.one.read <= MAX_FAILURES:
            self.readers.drain()
        self.flushLoggedErrors(ZeroDivisionError)

    def test_rests(self) -> None:
        """A port that fails again and again is not read for a second, and then it is."""
        self.exhaust()
        for _ in range(3):
            self.readers.drain()
        self.assertEqual((self.one.read, self.one.lost), (MAX_FAILURES + 1, []))
        self.one.then = None
        self.reactor.advance(REST)
        self.readers.drain()
        self.assertEqual(self.one.read, MAX_FAILURES + 2)

    def test_closedWhileItRests(self) -> None:
        """A port that is closed meanwhile is not waited for again; nor is any when the reactor goes down."""
        self.exhaust()
        self.readers.removeReader(self.one)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_shutdownWhileOneRests(self) -> None:
        """When the reactor goes down, a port that rests is closed too."""
        self.exhaust()
        self.readers.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((len(self.one.lost), len(self.two.lost), self.reactor.getDelayedCalls()), (1, 1, []))

    def test_noRoomAfterARest(self) -> None:
        """A port for which there is no room after its rest goes on resting, and is read later."""
        self.addBoth()
        self.one.then = lambda: 1 / 0
        for _ in range(MAX_FAILURES + 1):
            self.one.arrive()
            self.readers.drain()
        self.one.then = None
        self.one.arrive()
        self.flushLoggedErrors(ZeroDivisionError)
        with contextlib.closing(self.readers._epoll or EPOLL()) as epoll:
            self.readers._epoll = NoRoom()  # type: ignore[assignment]
            self.reactor.advance(REST)
            self.readers._epoll = epoll
            read = self.one.read
            self.readers.drain()
            self.assertEqual(self.one.read, read)
            self.reactor.advance(REST)
            self.readers.drain()
            self.assertEqual(self.one.read, read + 1)
            self.readers.connectionLost(Failure(ConnectionLost()))

    def test_closedBehindOurBack(self) -> None:
        """A port whose descriptor was closed by others can be removed, and another one can have the descriptor."""
        self.addBoth()
        descriptor = self.one.fileno()
        os.close(descriptor)
        other = Reader()
        self.addCleanup(other.socket.close)
        self.assertEqual(other.fileno(), descriptor)
        self.readers.addReader(other)
        self.readers.removeReader(self.one)
        self.one.socket.detach()
        other.arrive()
        self.readers.drain()
        self.assertEqual(other.read, 1)
        os.close(self.two.fileno())
        self.readers.removeReader(self.two)
        self.two.socket.detach()

    def test_epollLost(self) -> None:
        """If the epoll itself is gone, another one takes its place, and nothing is lost."""
        self.addBoth()
        spare = os.open("/dev/null", os.O_RDONLY)
        os.dup2(spare, self.readers.fileno())
        os.close(spare)
        self.one.arrive()
        self.readers.drain()
        self.assertEqual(self.reactor.readers, [self.readers])
        self.readers.drain()
        self.assertEqual(self.one.read, 1)

    def test_dropped(self) -> None:
        """When the reactor has let go of it, since something failed there, it is back, and all ports with it."""
        self.addBoth()
        self.reactor.removeReader(self.readers)
        self.readers.connectionLost(Failure(MemoryError()))
        self.assertEqual((self.reactor.readers, self.readers.missing, self.one.lost), ([self.readers], "", []))
        self.one.arrive()
        self.readers.drain()
        self.assertEqual(self.one.read, 1)

    def test_noEpoll(self) -> None:
        """As long as no other epoll can be had, what is missing is told; then all ports are read again."""
        self.addBoth()
        self.assertEqual(self.readers.missing, "")

        def refuse() -> select.epoll:
            raise OSError("too many files")

        self.patch(select, "epoll", refuse)
        self.reactor.removeReader(self.readers)
        self.readers.connectionLost(Failure(OSError("failed")))
        self.assertEqual(self.readers.missing, "media ports are not waited for any more")
        self.assertRaises(OSError, self.readers.revive)
        self.one.arrive()
        self.readers.drain()
        self.patch(select, "epoll", EPOLL)
        self.readers.revive()
        self.readers.drain()
        self.assertEqual((self.readers.missing, self.one.read), ("", 1))

    def test_noMemory(self) -> None:
        """When there is no memory for what has come it waits, and is read when there is some."""
        self.addBoth()
        epoll: Any = self.readers

        class Full:
            def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
                raise MemoryError

        good, epoll._epoll = epoll._epoll, Full()
        self.one.arrive()
        self.readers.drain()
        epoll._epoll = good
        self.readers.drain()
        self.assertEqual((self.one.read, self.readers.missing), (1, ""))

    def test_shutdown(self) -> None:
        """When the reactor goes down, all readers are closed."""
        self.readers.addReader(self.one)
        self.readers.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((len(self.one.lost), self.readers.fileno()), (1, -1))

    # At a pace.

    def talk(self, packets: int) -> None:
        """So many packets come within a period, and the reactor wakes up for each; then one that ends the period."""
        for _ in range(packets):
            self.one.arrive()
            self.readers.doRead()
        self.reactor.advance(PERIOD)
        self.one.arrive()
        self.readers.doRead()

    def paced(self) -> None:
        """Many packets come."""
        self.addBoth()
        self.readers.doRead()
        self.reactor.advance(PERIOD)
        self.readers.doRead()
        self.talk(MANY)

    def test_few(self) -> None:
        """With few packets the reactor wakes up for each."""
        self.addBoth()
        self.talk(MANY // 2)
        self.talk(MANY // 2)
        self.assertEqual(self.reactor.readers, [self.readers])

    def test_many(self) -> None:
        """With many it does not: they are read once in a while."""
        self.paced()
        self.assertEqual(self.reactor.readers, [])
        before = self.one.read
        self.one.arrive(3)
        self.reactor.advance(PACE)
        self.assertEqual(self.one.read, before + 3)

    def test_fewAgain(self) -> None:
        """When there are few again, it wakes up for each as before."""
        self.paced()
        self.one.arrive(FEW - 1)
        self.reactor.pump([PACE] * int(1.1 * PERIOD / PACE))
        self.assertEqual(self.reactor.readers, [self.readers])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_longAgo(self) -> None:
        """Packets of a while ago do not count."""
        self.addBoth()
        self.talk(1)
        for _ in range(MANY):
            self.one.arrive()
            self.readers.doRead()
        self.reactor.advance(10 * PERIOD)
        self.readers.doRead()
        self.assertEqual(self.reactor.readers, [self.readers])

    def test_noPorts(self) -> None:
        """When the last port is closed, nothing waits any more."""
        self.paced()
        self.readers.removeReader(self.one)
        self.readers.removeReader(self.two)
        self.assertEqual((self.reactor.readers, self.reactor.getDelayedCalls()), ([], []))
        self.assertIs(self.readers._waiting, Waiting.NOT)

    def test_removedByTheLastPacket(self) -> None:
        """The same, if a packet closes them."""
        self.paced()

        def both() -> None:
            self.readers.removeReader(self.one)
            self.readers.removeReader(self.two)

        self.one.then = both
        self.one.arrive(2)
        self.reactor.advance(PACE)
        self.assertEqual((self.reactor.readers, self.reactor.getDelayedCalls()), ([], []))
