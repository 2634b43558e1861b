"""
Tests for L{ichatgw.media.relay.latch}.
"""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.relay.latch import ControlLatch, above, familyOf, isAt, sendable
from ichatgw.model import PCMU, SessionDescription, TransportAddress


class AddressTests(SynchronousTestCase):
    """Socket addresses and signalled addresses."""

    def test_sendable(self) -> None:
        """An address for a socket has two members with IPv4 and four with IPv6, and IPv6 in its short form."""
        for host, expected in (
            ("198.51.100.7", ("198.51.100.7", 9)),
            ("2001:DB8:0:0::7", ("2001:db8::7", 9, 0, 0)),
            ("fe80::1%7", ("fe80::1", 9, 0, 7)),
            ("fe80::1%nosuchlink", ("fe80::1", 9, 0, 0)),
        ):
            self.assertEqual(sendable(TransportAddress(host, 9)), expected)

    def test_neverSentTo(self) -> None:
        """Nothing goes to all, to many, to nobody, or to port 0."""
        self.assertIsNone(sendable(None))
        self.assertIsNone(sendable(TransportAddress("198.51.100.7", 0)))
        for host in ("0.0.0.0", "::", "224.0.0.1", "239.1.2.3", "ff02::1", "255.255.255.255"):
            self.assertIsNone(sendable(TransportAddress(host, 9)), host)

    def test_isAt(self) -> None:
        """A source is at an address if host and port are the same, however they are written."""
        self.assertTrue(isAt(("2001:db8::7", 9, 0, 0), TransportAddress("2001:0DB8::0007", 9)))
        self.assertTrue(isAt(("fe80::1%eth0", 9, 0, 2), TransportAddress("fe80::1", 9)))
        self.assertFalse(isAt(("198.51.100.7", 10), TransportAddress("198.51.100.7", 9)))
        self.assertFalse(isAt(("198.51.100.8", 9), TransportAddress("198.51.100.7", 9)))
        self.assertFalse(isAt(("198.51.100.8", 9), None))

    def test_familyOf(self) -> None:
        """The family shows in the number of members."""
        self.assertEqual(familyOf(("198.51.100.7", 9)), socket.AF_INET)
        self.assertEqual(familyOf(("::1", 9, 0, 0)), socket.AF_INET6)

    def test_above(self) -> None:
        """There is no port above the highest."""
        self.assertEqual(above(("::1", 9, 0, 2)), ("::1", 10, 0, 2))
        self.assertIsNone(above(("198.51.100.7", 65535)))


class ControlLatchTests(SynchronousTestCase):
    """L{ControlLatch}."""

    def latch(self, rtcp: TransportAddress | None = None, port: int = 4000) -> ControlLatch:
        latch = ControlLatch()
        latch.signal(SessionDescription((PCMU,), TransportAddress("198.51.100.7", port), rtcp))
        return latch

    def test_portAbove(self) -> None:
        """A party that says nothing of RTCP wants it on the port above."""
        latch = self.latch()
        self.assertEqual(latch.guess(), ("198.51.100.7", 4001))
        self.assertTrue(latch.admits(("198.51.100.7", 4001)))
        self.assertFalse(latch.admits(("198.51.100.7", 4000)))

    def test_noPortAbove(self) -> None:
        """There may be no port above."""
        self.assertIsNone(self.latch(port=65535).guess())

    def test_signalled(self) -> None:
        """A party that names a place for RTCP gets it there (RFC 3605)."""
        latch = self.latch(TransportAddress("198.51.100.9", 16402))
        self.assertEqual(latch.guess(), ("198.51.100.9", 16402))
        self.assertTrue(latch.admits(("198.51.100.9", 16402)))
        self.assertFalse(latch.admits(("198.51.100.7", 4001)))

    def test_afterMedia(self) -> None:
        """Behind a NAT any port of the host that RTP comes from will do, and the word of the party no more."""
        latch = self.latch()
        latch.mediaFrom(("203.0.113.5", 7000), asSignalled=False)
        self.assertEqual(latch.guess(), ("203.0.113.5", 7001))
        self.assertFalse(latch.admits(("198.51.100.7", 4001)))
        self.assertFalse(latch.admits(("203.0.113.6", 7001)))
        self.assertTrue(latch.admits(("203.0.113.5", 9999)))
        latch.adopt(("203.0.113.5", 9999), None)
        self.assertTrue(latch.admits(("203.0.113.5", 9999)))
        self.assertFalse(latch.admits(("203.0.113.5", 7001)))

    def test_mediaAsSignalled(self) -> None:
        """If RTP comes from where the party said, RTCP goes where it said, too."""
        latch = self.latch(TransportAddress("198.51.100.7", 4009))
        latch.mediaFrom(("198.51.100.7", 4000), asSignalled=True)
        self.assertEqual(latch.guess(), ("198.51.100.7", 4009))
