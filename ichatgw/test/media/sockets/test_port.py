"""
Tests for L{ichatgw.media.sockets.port}.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.media.sockets.port import MAX_DATAGRAM, MediaSocket, Port, Scratch, bindUDP
from ichatgw.test.support.media.fakes import FakeNetwork, FakeSocket


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

    def test_broken(self) -> None:
        """Whatever else reading says of the socket is handed on, but that there is no memory now is no fault of it."""
        for number in (errno.EBADF, errno.ENOTSOCK, errno.EIO):
            self.socket.receiveError = OSError(number, "x")
            self.assertIs(getattr(self.port.doRead(), "value", None), self.socket.receiveError)
        self.socket.receiveError = OSError(errno.ENOMEM, "x")
        self.assertRaises(OSError, self.port.doRead)

    def test_close(self) -> None:
        """When the reactor drops it, it closes the socket."""
        self.port.connectionLost(Failure(ConnectionError()))
        self.assertEqual((self.network.sockets, self.port.fileno()), ([], -1))


class ReopenTests(SynchronousTestCase):
    """L{Port.reopen}, with real sockets of this host."""

    def setUp(self) -> None:
        self.socket = self.make(socket.AF_INET)
        self.socket.bind(("127.0.0.1", 0))
        self.delivered: list[int] = []
        self.scratch = Scratch()
        self.port = Port(self.socket, self.scratch, lambda size, source: self.delivered.append(size))
        self.addCleanup(self.port.close)
        self.send = self.port.sendto
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.peer.close)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.settimeout(5)

    def make(self, family: int) -> MediaSocket:
        return MediaSocket(family, socket.SOCK_DGRAM)

    def assertTalks(self) -> None:
        """By what was kept of it before, too."""
        self.assertTrue(self.port.isSound)
        self.send(b"out", self.peer.getsockname())
        data, source = self.peer.recvfrom(10)
        self.assertEqual((data, source[1]), (b"out", self.port.number))
        self.peer.sendto(b"in", source)
        self.port.doRead()
        self.assertEqual((self.delivered, bytes(self.scratch.buffer[:2])), ([2], b"in"))
        self.assertIsNone(self.port.doRead())

    def test_closedByOthers(self) -> None:
        """A port whose socket was closed without a word is at the same address again."""
        os.close(self.port.fileno())
        self.assertFalse(self.port.isSound)
        self.port.reopen(self.make)
        self.assertTalks()

    def test_descriptorOfAnother(self) -> None:
        """If another socket or file has the descriptor by now, it is left alone."""
        for other in (lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach(), lambda: os.dup(2)):
            number = self.port.fileno()
            os.close(number)
            self.assertEqual(other(), number)
            self.addCleanup(os.close, number)
            self.assertFalse(self.port.isSound)
            self.port.reopen(self.make)
            os.fstat(number)
            self.assertNotEqual(self.port.fileno(), number)
        self.assertTalks()

    def test_shutDown(self) -> None:
        """One that is open but useless is closed first, for the address is free only then."""
        with self.assertRaises(OSError):  # which does it nevertheless
            self.socket.shutdown(socket.SHUT_RDWR)
        self.port.reopen(self.make)
        self.assertTalks()

    def test_taken(self) -> None:
        """While the address is in use by others, it stays closed; later it can be had."""
        number = self.port.fileno()
        os.close(number)
        self.assertEqual(os.dup(2), number)
        self.addCleanup(os.close, number)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", self.port.number))
            self.assertRaises(OSError, self.port.reopen, self.make)
            self.assertEqual((self.port.isSound, self.port.fileno()), (False, -1))
        self.port.reopen(self.make)
        self.assertTalks()


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
