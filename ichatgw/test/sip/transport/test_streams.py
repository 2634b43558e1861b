# -*- test-case-name: ichatgw.test.sip.transport.test_streams -*-
"""
Tests for L{ichatgw.sip.transport.streams}.
"""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import ConfigError
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.sip.transport import streams
from ichatgw.sip.transport.streams import StreamWire
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.sip.transport.tls import Files, Security
from ichatgw.test.sip.transport.test_udp import without
from ichatgw.test.support.sip.certificates import Authority


class Port:
    """A listening port."""

    def __init__(self, factory: Any) -> None:
        self.listening = True
        self.factory = factory
        factory.doStart()

    def fileno(self) -> int:
        """It has no socket of the system."""
        return -1

    def stopListening(self) -> None:
        self.listening = False
        self.factory.doStop()


class Reactor(MemoryReactorClock):
    """Takes sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.adopted: list[tuple[Any, Port]] = []

    def adoptStreamPort(self, fileno: int, family: Any, factory: Any) -> Any:
        self.adopted.append((family, Port(factory)))
        return self.adopted[-1][1]


class StreamWireTests(SynchronousTestCase):
    """L{StreamWire}."""

    def make(self, files: Files | None = None, port: int = 0, address: str = "127.0.0.1") -> StreamWire:
        self.reactor = Reactor()
        self.wire = StreamWire(self.reactor, LocalAddresses(address), lambda: port, 0, Security(files or Files()))
        return self.wire

    def listen(self) -> None:
        self.wire.listen(lambda message, source, transport: None, lambda target, why: None, lambda target, why: None)
        self.addCleanup(self.wire.close)

    def test_plain(self) -> None:
        """Without a certificate only TCP is listened for, and the log says so; the port that was free is known."""
        self.make()
        with capturedLogs() as events:
            self.listen()
        said = [str(formatEvent(event)) for event in events]
        self.assertIn("Not listening for SIP over TLS: there is no certificate (TLSCertificate)", said)
        self.assertEqual([family for family, _ in self.reactor.adopted], [socket.AF_INET])
        self.assertNotEqual(self.wire.towards("127.0.0.1", Transport.TCP).port, 0)

    def test_lost(self) -> None:
        """Sockets that the reactor has dropped, of TCP and of TLS, are opened again with the same ports."""
        certificate, key = Authority(Path(self.mktemp())).issue("gw.example")
        self.make(Files(certificate, key))
        self.listen()
        places = [self.wire.towards("127.0.0.1", kind) for kind in (Transport.TCP, Transport.TLS)]
        self.assertEqual(self.wire.missing, "")
        for _, port in list(self.reactor.adopted):
            port.factory.doStop()
        self.assertIn(f"TCP on 127.0.0.1 port {places[0].port} and TLS on 127.0.0.1", self.wire.missing)
        self.wire.revive()
        self.assertEqual((self.wire.missing, len(self.reactor.adopted)), ("", 4))
        self.assertEqual([self.wire.towards("127.0.0.1", kind) for kind in (Transport.TCP, Transport.TLS)], places)

    def test_closed(self) -> None:
        """What we have closed ourselves is not missing."""
        self.make()
        self.listen()
        self.wire.close()
        self.assertEqual(self.wire.missing, "")

    def test_secure(self) -> None:
        """With one, TLS has a port of its own."""
        certificate, key = Authority(Path(self.mktemp())).issue("gw.example")
        self.make(Files(certificate, key))
        self.listen()
        self.assertEqual(len(self.reactor.adopted), 2)
        self.assertNotEqual(
            self.wire.towards("127.0.0.1", Transport.TCP), self.wire.towards("127.0.0.1", Transport.TLS)
        )

    def test_noIPv6(self) -> None:
        """A host without IPv6, for whatever reason the system gives, is served over IPv4."""
        for reason in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT):
            self.patch(streams, "openSocket", without("::", reason))
            self.make(address="")
            self.listen()
            self.assertEqual([family for family, _ in self.reactor.adopted], [socket.AF_INET])
            self.assertEqual(self.wire.missing, "")

    def test_noIPv4(self) -> None:
        """One without IPv4, or without memory for IPv6, is an error: nothing is served by halves without a word."""
        for host, reason in (("0.0.0.0", errno.EAFNOSUPPORT), ("::", errno.ENOMEM)):
            self.patch(streams, "openSocket", without(host, reason))
            self.make(address="")
            self.assertIn(f"on {host} port", str(self.assertRaises(ConfigError, self.listen)))
            self.assertFalse(any(port.listening for _, port in self.reactor.adopted))

    def test_taken(self) -> None:
        """A port that somebody else has stops the start, and the setting is named."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            self.make(port=other.getsockname()[1])
            problem = str(self.assertRaises(ConfigError, self.listen))
        self.assertIn("UDPTCPPort", problem)
        self.assertIn("TCP", problem)

    def test_close(self) -> None:
        """A stop closes ports and connections."""
        self.make()
        self.listen()
        target = Target(Transport.TCP, TransportAddress("127.0.0.1", 5060))
        self.wire.send(b"x", target)
        self.assertFalse(self.wire.isOpen(target))
        self.wire.close()
        self.assertFalse(self.reactor.adopted[0][1].listening)
        self.wire.send(b"x", Target(Transport.TCP, TransportAddress("127.0.0.1", 5061)))
        self.assertEqual(len(self.reactor.tcpClients), 1)
