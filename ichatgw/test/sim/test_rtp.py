# -*- test-case-name: ichatgw.test.sim.test_rtp -*-
"""
Tests of the simulators' RTP and RTCP.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.sim.media.rtp import Packet, checkControl, isControl, senderReport


class PacketTests(SynchronousTestCase):
    def test_roundTrip(self) -> None:
        """A packet survives the wire."""
        packet = Packet(0, 65535, 2**32 - 1, 0xDEADBEEF, b"voice", marker=True)
        self.assertEqual(Packet.parse(packet.pack()), packet)

    def test_bytes(self) -> None:
        """The header is that of RFC 3550 section 5.1."""
        self.assertEqual(Packet(8, 1, 2, 3).pack().hex(), "800800010000000200000003")

    def test_extras(self) -> None:
        """Contributing sources, an extension and padding are not payload."""
        datagram = bytes.fromhex("b1000001 00000002 00000003 11111111 beef0001 22222222") + b"ab\0\0\3"
        self.assertEqual(Packet.parse(datagram).payload, b"ab")

    def test_malformed(self) -> None:
        """Too short, another version, and lengths beyond the end are malformed."""
        for text in (
            "",
            "80" * 11,
            "40" + "00" * 11,
            "90" + "00" * 11,
            "9000" + "00" * 12 + "ffff",
            "a0" + "00" * 10 + "ff",
        ):
            self.assertRaises(MalformedError, Packet.parse, bytes.fromhex(text))


class ControlTests(SynchronousTestCase):
    def test_report(self) -> None:
        """A sender report is a sound compound and is told from RTP."""
        for name in ("", "a", "abc", "somebody"):
            report = senderReport(1, 1234.5, 2**32 + 7, 3, 480, name)
            self.assertEqual(checkControl(report), [200, 202])
            self.assertTrue(isControl(report))
        self.assertFalse(isControl(Packet(0, 0, 0, 0).pack()))

    def test_malformed(self) -> None:
        """A compound that is cut off, or begins with no report, is malformed."""
        report = senderReport(1, 0.0, 0, 0, 0, "x")
        for bad in (b"", report[:-1], report[28:], b"\0" + report[1:], report[:5]):
            self.assertRaises(MalformedError, checkControl, bad)
