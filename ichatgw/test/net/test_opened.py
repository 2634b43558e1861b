# -*- test-case-name: ichatgw.test.net.test_opened -*-
"""
Tests for L{ichatgw.net.opened} and those who use it, with a real reactor of their own on loopback.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.sip.transport.streams import StreamWire
from ichatgw.sip.transport.target import Transport
from ichatgw.sip.transport.tls import Files, Security
from ichatgw.sip.transport.udp import UDPWire
from ichatgw.test.support.sip.certificates import Authority

try:
    from twisted.internet.epollreactor import EPollReactor as Reactor
except ImportError:
    Reactor = SelectReactor  # type: ignore[misc]


class ClosedTests(SynchronousTestCase):
    """Descriptors of listening sockets are closed, and the ports do not know."""

    def setUp(self) -> None:
        self.reactor: Any = Reactor()
        self.addCleanup(self.reactor.removeAll)
        self.received: list[bytes] = []

    def descriptors(self) -> dict[int, str]:
        """The sockets that this process has."""
        found = {}
        for name in os.listdir("/proc/self/fd"):
            try:
                found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                continue  # that of the list itself
        return {number: what for number, what in found.items() if what.startswith("socket")}

    def closed(self, before: dict[int, str]) -> list[int]:
        """Close what has been opened since then, behind the back of all."""
        numbers = [number for number, what in self.descriptors().items() if before.get(number) != what]
        for number in numbers:
            os.close(number)
        return numbers

    def udp(self) -> UDPWire:
        wire = UDPWire(self.reactor, LocalAddresses("127.0.0.1"), 0)
        wire.listen(lambda datagram, source: self.received.append(datagram))
        self.addCleanup(wire.close)
        return wire

    def hears(self, wire: UDPWire) -> bool:
        self.received.clear()
        with socket.socket(type=socket.SOCK_DGRAM) as far:
            far.sendto(b"x", ("127.0.0.1", wire.port))
        self.reactor.iterate(0.1)
        return self.received == [b"x"]

    def test_udp(self) -> None:
        """The socket for UDP is missed, is opened again with the same port, and hears and speaks."""
        before = self.descriptors()
        wire = self.udp()
        port = wire.port
        self.assertTrue(self.hears(wire))
        self.assertEqual(wire.missing, "")
        self.closed(before)
        self.assertIn(f"UDP on 127.0.0.1 port {port} was lost", wire.missing)
        wire.revive()
        self.assertEqual((wire.missing, wire.port), ("", port))
        self.assertTrue(self.hears(wire))
        with socket.socket(type=socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", 0))
            wire.send(b"answer", TransportAddress(*far.getsockname()))
            self.assertEqual(far.recv(100, socket.MSG_DONTWAIT), b"answer")

    def test_reused(self) -> None:
        """So it is if something else has got the descriptor, which stays open then."""
        before = self.descriptors()
        wire = self.udp()
        (descriptor,) = self.closed(before)
        others = [socket.socket()]
        while others[-1].fileno() < descriptor:
            others.append(socket.socket())
        for other in others:
            self.addCleanup(other.close)
        self.assertEqual(others[-1].fileno(), descriptor)
        self.assertNotEqual(wire.missing, "")
        wire.revive()
        self.assertTrue(self.hears(wire))
        self.assertEqual(others[-1].getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), socket.SOCK_STREAM)

    def test_streams(self) -> None:
        """The same goes for TCP and TLS."""
        certificate, key = Authority(Path(self.mktemp())).issue("gw.example")
        before = self.descriptors()
        wire = StreamWire(self.reactor, LocalAddresses("127.0.0.1"), lambda: 0, 0, Security(Files(certificate, key)))
        wire.connections.mayCall = lambda host: True
        wire.listen(lambda message, source, transport: None, lambda target, why: None, lambda target, why: None)
        self.addCleanup(wire.close)
        places = [wire.towards("127.0.0.1", kind) for kind in (Transport.TCP, Transport.TLS)]
        self.assertEqual(wire.missing, "")
        self.assertEqual(len(self.closed(before)), 2)
        self.assertIn(f"TCP on 127.0.0.1 port {places[0].port} and TLS on 127.0.0.1", wire.missing)
        wire.revive()
        self.assertEqual(wire.missing, "")
        for place in places:
            far = socket.create_connection((place.host, place.port), 1)
            self.addCleanup(far.close)
            self.reactor.iterate(0.1)
        self.assertEqual(wire.connections.open, 2)
