# -*- test-case-name: ichatgw.test.media.rtp.test_reports -*-
"""
Tests for L{ichatgw.media.rtp.reports}.
"""

from __future__ import annotations

from struct import pack

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.media.rtp.reports import Report, Reports, readReports

_BLOCK = pack("!IIIIII", 0xAAAA, 64 << 24 | 5, 1000, 160, 0x11223344, 65536)


class ReportTests(SynchronousTestCase):
    """What a compound says."""

    def test_receiver(self) -> None:
        """A report of who only listens: how much was lost, the jitter, and how long ago it heard which report."""
        found = readReports(pack("!BBHI", 0x81, 201, 7, 0xBBBB) + _BLOCK)
        self.assertEqual(found, Reports(heard=(Report(0xAAAA, 0.25, 5, 1000, 160, 0x11223344, 1.0),)))

    def test_sender(self) -> None:
        """One of who sends as well says when, and how much."""
        head = pack("!BBHIIIIII", 0x81, 200, 12, 0xBBBB, 0x55667788, 0x99AABBCC, 0, 50, 8000)
        found = readReports(head + _BLOCK)
        self.assertEqual((found.sent, found.packets, found.octets), (0x778899AA, 50, 8000))
        self.assertEqual(len(found.heard), 1)

    def test_duplicates(self) -> None:
        """Who gets packets twice reports fewer than none as lost."""
        block = pack("!IIIIII", 1, 0xFFFFFF, 0, 0, 0, 0)
        self.assertEqual(readReports(pack("!BBHI", 0x81, 201, 7, 2) + block).heard[0].lost, -1)

    def test_others(self) -> None:
        """Other packets of a compound are passed over."""
        self.assertEqual(readReports(pack("!BBHI", 0x81, 203, 1, 0xBBBB)), Reports())

    def test_malformed(self) -> None:
        """A report that says that it has more than it has is malformed, as is junk."""
        for datagram in (
            pack("!BBHI", 0x82, 201, 7, 0xBBBB) + _BLOCK,
            pack("!BBHII", 0x80, 200, 2, 1, 2),
            b"",
            b"\x80\xc8junk",
        ):
            self.assertRaises(MalformedError, readReports, datagram)
