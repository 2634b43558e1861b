"""
Tests for L{ichatgw.media.sockets.port}.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.media.sockets.port import MAX_DATAGRAM, Port, Scratch, bindUDP
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
