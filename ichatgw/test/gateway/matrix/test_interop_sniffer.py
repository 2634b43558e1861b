# -*- test-case-name: ichatgw.test.gateway.matrix.test_interop_sniffer -*-
"""
Tests of what C{make interop} sees on the wire to a phone.
"""

from __future__ import annotations

import struct
from socket import AF_INET, AF_INET6, inet_pton

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sim.media.tone import ToneSource
from ichatgw.test.interop.sniffer import PhoneWire
from ichatgw.test.support.media.frames import Datagram, datagram


def frame(source: str, destination: str, port: int, payload: bytes) -> bytes:
    """A frame with a datagram from port 7 to C{port}."""
    header = struct.pack("!HHHH", 7, port, 8 + len(payload), 0)
    link = bytes(12)
    if ":" in source:
        addresses = inet_pton(AF_INET6, source) + inet_pton(AF_INET6, destination)
        return (
            link + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, 8 + len(payload), 17, 64) + addresses + header + payload
        )
    addresses = inet_pton(AF_INET, source) + inet_pton(AF_INET, destination)
    size = 28 + len(payload)
    return (
        link
        + b"\x08\x00"
        + struct.pack("!BBHHHBBH", 0x45, 0, size, 1, 0x4000, 64, 17, 0)
        + addresses
        + header
        + payload
    )


def rtp(payloadType: int, payload: bytes, timestamp: int = 0) -> bytes:
    """A packet of RTP."""
    return struct.pack("!BBHII", 0x80, payloadType, 1, timestamp, 5) + payload


class DatagramTests(SynchronousTestCase):
    """Reading frames."""

    def test_families(self) -> None:
        """Datagrams of IPv4 and IPv6 are read."""
        for source, destination in (("10.77.0.1", "10.77.0.2"), ("fd00:77::1", "fd00:77::2")):
            seen = datagram(frame(source, destination, 9, b"hello"))
            self.assertEqual(seen, Datagram((source, 7), (destination, 9), b"hello"))

    def test_others(self) -> None:
        """What is no whole datagram is not."""
        whole = frame("10.77.0.1", "10.77.0.2", 9, b"hello")
        later = whole[:20] + b"\x00\x10" + whole[22:]
        tcp = whole[:23] + b"\x06" + whole[24:]
        for other in (b"", whole[:30], later, tcp, whole[:12] + b"\x08\x06" + whole[14:]):
            self.assertIsNone(datagram(other))


class PhoneWireTests(SynchronousTestCase):
    """What a phone is sent."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.wire = PhoneWire(self.clock.seconds, 5060, range(4000, 4020), 550)

    def _send(self, port: int, payload: bytes) -> None:
        self.wire.took(Datagram(("10.77.0.2", 7), ("10.77.0.1", port), payload))

    def test_tone(self) -> None:
        """Mu-law at a media port is heard; at another port it is not."""
        source = ToneSource(550)
        for number in range(100):
            payload = source.frame(number)
            self._send(4000 if number < 50 else 4030, rtp(0, payload))
            self.clock.advance(0.02)
        self.assertEqual(self.wire.packets, 50)
        self.assertAlmostEqual(self.wire.heard, 1.0)

    def test_keys(self) -> None:
        """A key counts once, however often its end is said."""
        for duration, end in ((160, 0), (800, 0), (960, 0x80), (960, 0x80), (960, 0x80)):
            self._send(4000, rtp(101, struct.pack("!BBH", 11, end, duration), 77))
        self._send(4000, rtp(101, struct.pack("!BBH", 5, 0x80, 1600), 99))
        self.assertEqual(self.wire.keys, [("#", 0.12), ("5", 0.2)])
        self._send(5060, b"INFO sip:a@b SIP/2.0\r\n\r\nSignal=7\r\nDuration=160\r\n")
        self.assertEqual(self.wire.pressed, "#57")

    def test_requests(self) -> None:
        """Requests of SIP are kept, with the direction that they offer; responses are not."""
        self._send(5060, b"INVITE sip:a@b SIP/2.0\r\n\r\na=sendonly\r\n")
        self._send(5060, b"SIP/2.0 200 OK\r\n\r\n")
        self._send(5060, b"BYE sip:a@b SIP/2.0\r\n\r\n")
        self.assertEqual([request.method for request in self.wire.requests], ["INVITE", "BYE"])
        self.assertEqual(self.wire.requests[0].direction, "sendonly")
