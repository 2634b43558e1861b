# -*- test-case-name: ichatgw.test.sip.transport.test_udp -*-
"""
The UDP sockets, for real, on loopback; nothing here waits.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.internet import udp
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import ConfigError
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.runtime.turns import CALLS_SECONDS, TURN_JOBS, WAITING, Turns
from ichatgw.sip.transport import udp as ours
from ichatgw.sip.transport.udp import MAX_CALLS, MAX_OF_HOST, READ_OCTETS, Calls, UDPWire, _Datagrams
from ichatgw.test.runtime.test_turns import ABOVE, WorkingClock
from ichatgw.test.support.sip.sipwire import request

REAL = ours.openSocket


class FakePort:
    """A listening port that remembers."""

    def __init__(self, family: int, protocol: Any, size: int) -> None:
        self.family = family
        self.protocol = protocol
        self.size = size
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.problem: Exception | None = None
        self.closed = False
        self.reading = True

    def stopReading(self) -> None:
        self.reading = False

    def startReading(self) -> None:
        self.reading = True

    @property
    def socket(self) -> FakePort:
        return self

    def sendto(self, datagram: bytes, address: tuple[str, int]) -> None:
        if self.problem is not None:
            raise self.problem
        self.sent.append((datagram, address))

    def fileno(self) -> int:
        """It has no socket of the system."""
        return -1

    def stopListening(self) -> None:
        self.closed = True
        self.protocol.stopProtocol()

    def fail(self) -> None:
        """Do what the reactor does when reading raises: nothing is read any more."""
        self.protocol.stopProtocol()


class FakeReactor(Clock):
    """Takes over sockets, as a reactor does, and keeps none of them."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: list[FakePort] = []

    def adoptDatagramPort(self, fd: int, family: int, protocol: Any, maxPacketSize: int) -> FakePort:
        self.ports.append(FakePort(family, protocol, maxPacketSize))
        return self.ports[-1]


def without(missing: str, reason: int) -> Any:
    """What opens sockets where one address cannot be had."""

    def openSocket(family: Any, kind: Any, host: str, port: int) -> socket.socket:
        if host == missing:
            raise OSError(reason, os.strerror(reason))
        return REAL(family, kind, host, port)

    return openSocket


class UDPWireTests(SynchronousTestCase):
    """L{UDPWire}."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.received: list[tuple[bytes, TransportAddress]] = []

    def listen(self, address: str = "127.0.0.1", port: int = 0) -> UDPWire:
        wire = UDPWire(self.reactor, LocalAddresses(address), port)
        wire.listen(lambda datagram, source: self.received.append((datagram, source)))
        return wire

    def test_one(self) -> None:
        """With an address there is one socket, and the port is known; datagrams are read whole."""
        wire = self.listen()
        (port,) = self.reactor.ports
        self.assertEqual((port.family, port.size), (socket.AF_INET, 65535))
        self.assertTrue(wire.port)
        self.assertEqual(wire.towards("127.0.0.1"), TransportAddress("127.0.0.1", wire.port))

    def test_both(self) -> None:
        """Without one there is a socket for each family that this host has, on the same port."""
        self.listen("")
        families = [port.family for port in self.reactor.ports]
        self.assertIn(families, ([socket.AF_INET], [socket.AF_INET, socket.AF_INET6]))

    def test_lost(self) -> None:
        """A socket that the reactor has dropped is opened again, with the same port and owner, and sends again."""
        wire = self.listen()
        (first,) = self.reactor.ports
        self.assertEqual(wire.missing, "")
        first.fail()
        self.assertIn(f"the socket for SIP over UDP on 127.0.0.1 port {wire.port} was lost", wire.missing)
        wire.send(b"too early", TransportAddress("127.0.0.1", 9))
        wire.revive()
        self.assertEqual((wire.missing, len(self.reactor.ports)), ("", 2))
        wire.send(b"again", TransportAddress("127.0.0.1", 9))
        self.reactor.ports[1].protocol.datagramReceived(b"heard", ("127.0.0.1", 9))
        self.assertEqual(self.reactor.ports[1].sent, [(b"again", ("127.0.0.1", 9))])
        self.assertEqual(self.received, [(b"heard", TransportAddress("127.0.0.1", 9))])

    def test_lostAndTaken(self) -> None:
        """One that cannot be had again stays missing."""
        wire = self.listen()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", wire.port))
            self.reactor.ports[0].fail()
            self.assertRaises(OSError, wire.revive)
            self.assertIn("was lost", wire.missing)
        wire.revive()
        self.assertEqual(wire.missing, "")

    def test_closed(self) -> None:
        """What we have closed ourselves is not missing."""
        wire = self.listen()
        self.reactor.ports[0].fail()
        wire.close()
        self.assertEqual(wire.missing, "")
        wire = self.listen()
        wire.close()
        self.assertEqual(wire.missing, "")

    def test_busy(self) -> None:
        """A port in use is an error that names address, port and settings, and leaves no socket."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            problem = self.assertRaises(ConfigError, self.listen, "127.0.0.1", other.getsockname()[1])
        for word in ("127.0.0.1", str(problem.args[0].split("port ")[1].split(" ")[0]), "IPAddress", "UDPTCPPort"):
            self.assertIn(word, str(problem))
        self.assertEqual(self.reactor.ports, [])

    def test_busyIPv6(self) -> None:
        """A port in use for IPv6 alone is no lack of IPv6: that is an error, and the IPv4 socket is closed."""
        try:
            other = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            other.bind(("::", 0))
        except OSError:
            return  # a host without IPv6 cannot have this
        with other:
            problem = self.assertRaises(ConfigError, self.listen, "", other.getsockname()[1])
        self.assertIn(":: port", str(problem))
        self.assertEqual([port.closed for port in self.reactor.ports], [True])

    def test_noIPv6(self) -> None:
        """A host without IPv6, for whatever reason the system gives, is served over IPv4; that is said once."""
        for reason in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT):
            self.reactor = FakeReactor()
            self.patch(ours, "openSocket", without("::", reason))
            with capturedLogs() as events:
                wire = self.listen("")
            said = [line for event in events if "IPv6" in (line := formatEvent(event) or "")]
            self.assertEqual(said, [f"No IPv6 here: {os.strerror(reason)}"])
            self.assertEqual([port.family for port in self.reactor.ports], [socket.AF_INET])
            self.assertEqual(wire.missing, "")
            wire.close()

    def test_noIPv4(self) -> None:
        """One without IPv4, or without memory for IPv6, is an error: nothing is served by halves without a word."""
        for host, reason in (("0.0.0.0", errno.EAFNOSUPPORT), ("::", errno.ENOMEM)):
            self.patch(ours, "openSocket", without(host, reason))
            problem = self.assertRaises(ConfigError, self.listen, "")
            self.assertIn(f"on {host} port", str(problem))
            self.assertTrue(all(port.closed for port in self.reactor.ports))

    def test_foreignAddress(self) -> None:
        """An address that is not this host's is such an error too."""
        self.assertRaises(ConfigError, self.listen, "192.0.2.1", 5070)

    def test_send(self) -> None:
        """A datagram goes out by the socket of its family; where there is none, or the network fails, it is lost."""
        wire = self.listen()
        (port,) = self.reactor.ports
        wire.send(b"x", TransportAddress("192.0.2.1", 5060))
        wire.send(b"x", TransportAddress("2001:db8::1", 5060))
        self.assertEqual(port.sent, [(b"x", ("192.0.2.1", 5060))])
        port.problem = OSError("Network is unreachable")
        wire.send(b"x", TransportAddress("192.0.2.1", 5060))

    def test_receive(self) -> None:
        """A datagram comes with its source; a zone is cut off."""
        self.listen()
        protocol = self.reactor.ports[0].protocol
        protocol.datagramReceived(b"x", ("192.0.2.1", 5060))
        protocol.datagramReceived(b"y", ("fe80::1%eth0", 5060, 0, 2))
        self.assertEqual([source.host for _, source in self.received], ["192.0.2.1", "fe80::1"])

    def test_sameSource(self) -> None:
        """An address is one value, however many messages come from it; a flood of others makes a bounded number."""
        self.listen()
        protocol = self.reactor.ports[0].protocol
        for port in (5060, 5060, 5061):
            protocol.datagramReceived(b"x", ("192.0.2.1", port))
        first, again, other = (source for _, source in self.received)
        self.assertIs(first, again)
        self.assertEqual((first.port, other.port), (5060, 5061))
        for number in range(3 * ours.PLACES_KEPT):
            ours._placeOf("203.0.113.9", number + 1)
        self.assertEqual(ours._placeOf.cache_info().currsize, ours.PLACES_KEPT)

    def test_exceptionInside(self) -> None:
        """What fails for one datagram is logged, and the next is taken."""

        def broken(datagram: bytes, source: TransportAddress) -> None:
            raise ValueError("ouch")

        turns = Turns(self.reactor)
        _Datagrams(broken, turns, lambda: None, Calls(turns)).datagramReceived(b"x", ("192.0.2.1", 5060))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_crowd(self) -> None:
        """Datagrams for which a turn has no room wait for the next one; till then the socket is not read on."""
        self.listen()
        port = self.reactor.ports[0]
        port.protocol.transport = port
        for _ in range(TURN_JOBS + WAITING):
            port.protocol.datagramReceived(b"x", ("192.0.2.1", 5060))
        self.assertEqual((len(self.received), port.reading), (TURN_JOBS, False))
        self.reactor.advance(0)
        self.assertEqual((len(self.received), port.reading), (TURN_JOBS + WAITING, True))

    def test_close(self) -> None:
        """Closing closes all; after it nothing is sent."""
        wire = self.listen()
        wire.close()
        self.assertTrue(self.reactor.ports[0].closed)
        wire.send(b"x", TransportAddress("192.0.2.1", 5060))
        self.assertEqual(self.reactor.ports[0].sent, [])


class ReadingTests(SynchronousTestCase):
    """How much a real port reads in one go."""

    def test_short(self) -> None:
        """However short datagrams are, empty ones among them, few are read before others have their turn."""
        for octets in (0, 1, 20):
            with self.subTest(octets=octets):
                clock = Clock()
                received: list[bytes] = []

                def handed(datagram: bytes, source: TransportAddress, received: list[bytes] = received) -> None:
                    received.append(datagram)

                turns = Turns(clock)
                protocol = _Datagrams(handed, turns, lambda: None, Calls(turns))
                port = udp.Port(0, protocol, "127.0.0.1", reactor=IgnoredReaders())
                port._bindSocket()
                port._connectToProtocol()
                self.addCleanup(port.connectionLost)
                port.maxThroughput = READ_OCTETS
                with socket.socket(type=socket.SOCK_DGRAM) as far:
                    for _ in range(100):
                        far.sendto(bytes(octets), port.socket.getsockname())
                port.doRead()
                self.assertEqual((len(received), len(protocol._line)), (TURN_JOBS, WAITING))
                while len(received) < 100:
                    clock.advance(0)
                    before = len(received)
                    port.doRead()
                    self.assertLessEqual(len(received), before + TURN_JOBS)


class IgnoredReaders:
    """A reactor that waits for nothing."""

    def addReader(self, reader: object) -> None: ...

    def removeReader(self, reader: object) -> None: ...

    def removeWriter(self, writer: object) -> None: ...


class LagTests(SynchronousTestCase):
    """How far the socket is behind."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.wire = UDPWire(self.reactor, LocalAddresses("127.0.0.1"), 0)
        self.passes, self.cost = True, 0.1
        self.wire.listen(self.received)
        self.addCleanup(self.wire.close)
        (port,) = self.reactor.ports
        self.protocol = port.protocol
        self.kernel, self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
        for opened in (self.kernel, self.far):
            self.addCleanup(opened.close)
        self.kernel.bind(("127.0.0.1", 0))
        self.kernel.setblocking(False)
        self.protocol.transport = self.kernel

    def received(self, datagram: bytes, source: TransportAddress) -> bool:
        self.reactor.rightNow += self.cost
        return self.passes

    def read(self) -> None:
        """One datagram is read."""
        datagram, address = self.kernel.recvfrom(100)
        self.protocol.datagramReceived(datagram, address)

    def test_lag(self) -> None:
        """It is as long as there have been datagrams in the kernel without a break."""
        self.assertEqual(self.wire.lag, 0.0)
        for _ in range(4):
            self.far.sendto(b"x", self.kernel.getsockname())
        for lag in (0.1, 0.2, 0.3, 0.0):
            self.read()
            self.reactor.advance(0)
            self.assertAlmostEqual(self.wire.lag, lag)

    def test_flood(self) -> None:
        """It is none if the time goes into messages that are dropped."""
        for _ in range(20):
            self.far.sendto(b"x", self.kernel.getsockname())
        for number in range(18):
            self.passes = number % 3 == 0
            self.read()
            self.reactor.advance(0)
        self.assertEqual(self.wire.lag, 0.0)

    def test_closed(self) -> None:
        """A socket that is closed is not behind."""
        self.far.sendto(b"x", self.kernel.getsockname())
        self.read()
        self.wire.close()
        self.assertEqual(self.wire.lag, 0.0)


class CallsTests(SynchronousTestCase):
    """INVITEs that begin a call wait by themselves."""

    def setUp(self) -> None:
        self.clock = WorkingClock()
        self.turns = Turns(self.clock)
        self.calls = Calls(self.turns)
        self.calls.admits = lambda host: host.startswith("192.0.2.")
        self.handled: list[str] = []
        self.datagrams = _Datagrams(self.hand, self.turns, lambda: None, self.calls)
        self.port = FakePort(socket.AF_INET, self.datagrams, 0)
        vars(self.datagrams)["transport"] = self.port

    def hand(self, datagram: bytes, source: TransportAddress) -> bool:
        """Each takes a third of the share that new calls have."""
        self.clock.work(CALLS_SECONDS / 3 * ABOVE)
        self.handled.append(datagram.partition(b" ")[0].decode())
        return True

    def comes(self, text: str, host: str = "192.0.2.1", times: int = 1) -> None:
        """A datagram comes."""
        for _ in range(times):
            self.datagrams.datagramReceived(text.encode(), (host, 5060))

    def test_othersGoBefore(self) -> None:
        """However many calls are to begin, what belongs to those that are up, and OPTIONS, is done at once."""
        self.comes(request("INVITE"), times=50)
        self.assertEqual((self.handled, self.port.reading), (["INVITE"] * 3, True))
        tagged = request("INVITE", to="<sip:a@b>;tag=1")
        for text in (request("OPTIONS"), request("BYE", to="<sip:a@b>;tag=1"), tagged, "SIP/2.0 200 OK\r\n\r\n"):
            self.handled.clear()
            self.turns._spent = 0.0
            self.comes(text)
            self.assertEqual(self.handled, [text.partition(" ")[0]])

    def test_share(self) -> None:
        """In each turn some of them begin, in their order, and the socket is read on."""
        self.comes(request("INVITE"), times=9)
        for done in (6, 9):
            self.clock.advance(0)
            self.assertEqual(len(self.handled), done)
        self.assertEqual(len(self.calls), 0)

    def test_crowded(self) -> None:
        """Those of one host that are too many are handed on at once, to be refused; another host still has room."""
        crowded: list[bool] = []
        self.comes(request("INVITE"), times=3 + MAX_OF_HOST)
        self.assertEqual((len(self.calls), self.calls.isCrowded("192.0.2.1")), (MAX_OF_HOST, True))
        self.datagrams._received = lambda datagram, source: crowded.append(self.calls.isCrowded(source.host))
        self.turns._spent = 0.0
        self.comes(request("INVITE"))
        self.assertEqual((crowded, self.calls.isCrowded("192.0.2.2")), ([True], False))
        self.comes(request("INVITE"), "192.0.2.2")
        self.assertEqual(len(self.calls), MAX_OF_HOST + 1)

    def test_crowdedByAll(self) -> None:
        """All hosts together have their bound; nothing is left of them when all have begun."""
        for number in range(10):
            self.comes(request("INVITE"), f"192.0.2.{number}", MAX_OF_HOST // 2)
        self.assertEqual((len(self.calls), self.calls.isCrowded("192.0.2.99")), (MAX_CALLS, True))
        while self.clock.getDelayedCalls():
            self.clock.advance(0)
        self.assertEqual((len(self.handled), len(self.calls), self.calls._hosts), (5 * MAX_OF_HOST, 0, {}))

    def test_strangers(self) -> None:
        """Those of hosts that may not call take no place here."""
        self.comes(request("INVITE"), "203.0.113.1", 50)
        self.assertEqual(len(self.calls), 0)
        self.assertFalse(self.port.reading)
