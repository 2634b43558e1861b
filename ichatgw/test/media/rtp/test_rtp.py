"""
Tests for L{ichatgw.media.rtp.rtp}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.media.rtp.rtp import Kind, RTPPacket, classify, silence


class ClassifyTests(SynchronousTestCase):
    """L{classify}."""

    def test_byFirstBytes(self) -> None:
        """The first byte tells the protocol, the second RTCP from RTP."""
        for first, second, kind in (
            (0x00, 0x01, Kind.STUN),
            (0x03, 0x00, Kind.STUN),
            (0x04, 0x00, Kind.OTHER),
            (0x10, 0x00, Kind.OTHER),
            (0x14, 0xFE, Kind.DTLS),
            (0x3F, 0x00, Kind.DTLS),
            (0x40, 0x00, Kind.OTHER),
            (0x7F, 0x00, Kind.OTHER),
            (0x80, 0x00, Kind.RTP),
            (0x80, 0x80, Kind.RTP),
            (0x80, 191, Kind.RTP),
            (0x80, 192, Kind.RTCP),
            (0x81, 200, Kind.RTCP),
            (0xBF, 223, Kind.RTCP),
            (0x80, 224, Kind.RTP),
            (0xC0, 0x00, Kind.OTHER),
            (0xFF, 0xFF, Kind.OTHER),
        ):
            self.assertIs(classify(bytes([first, second])), kind, (first, second))

    def test_all(self) -> None:
        """Each first byte is of one kind, and one that shares its port with RTP is it or RTCP."""
        firsts = {
            Kind.STUN: {0, 1, 2, 3},
            Kind.DTLS: set(range(20, 64)),
            Kind.RTP: set(range(128, 192)),
        }
        firsts[Kind.OTHER] = set(range(256)).difference(*firsts.values())
        for kind in firsts:
            self.assertEqual({first for first in range(256) if classify(bytes([first, 0])) is kind}, firsts[kind])
        seconds = [second for second in range(256) if classify(bytes([128, second])) is Kind.RTCP]
        self.assertEqual(seconds, list(range(192, 224)))

    def test_short(self) -> None:
        """Nothing is nothing, and one byte is no RTCP."""
        self.assertIs(classify(b""), Kind.OTHER)
        self.assertIs(classify(b"\x80"), Kind.RTP)


class RTPPacketTests(SynchronousTestCase):
    """L{RTPPacket}."""

    def test_wire(self) -> None:
        """A packet has the layout of RFC 3550 section 5.1."""
        packet = RTPPacket(8, 0x0102, 0x03040506, 0x0708090A, b"sound", marker=True)
        self.assertEqual(packet.pack(), b"\x80\x88\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0asound")

    def test_roundTrip(self) -> None:
        """What was packed is read back."""
        for packet in (RTPPacket(0, 0, 0, 0), RTPPacket(127, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, b"x" * 160, True)):
            self.assertEqual(RTPPacket.parse(packet.pack()), packet)

    def test_readsOver(self) -> None:
        """Contributing sources, an extension and padding are not part of the payload."""
        head = b"\xb2\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03"
        datagram = head + b"csrccsrc" + b"\xbe\xde\x00\x01\x00\x00\x00\x00" + b"sound" + b"\x00\x00\x03"
        self.assertEqual(RTPPacket.parse(datagram), RTPPacket(0, 1, 2, 3, b"sound"))

    def test_malformed(self) -> None:
        """What is too short for what it says, or of another version, is refused."""
        head = b"\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03"
        for datagram in (
            b"",
            b"\x80" + head[:-1],
            b"\x00" + head,
            b"\x40" + head,
            b"\xc0" + head,
            b"\x81" + head,
            b"\x90" + head + b"\xbe\xde\x00",
            b"\x90" + head + b"\xbe\xde\x00\x01\x00\x00\x00",
            b"\xa0" + head,
            b"\xa0" + head + b"\x00",
            b"\xa0" + head + b"\x02",
        ):
            self.assertRaises(MalformedError, RTPPacket.parse, datagram)


class SilenceTests(SynchronousTestCase):
    """L{silence}."""

    def test_packet(self) -> None:
        """Silence is 20 ms of the mu-law sample zero."""
        self.assertEqual(RTPPacket.parse(silence(0, 7, 1120, 9)), RTPPacket(0, 7, 1120, 9, b"\xff" * 160))
