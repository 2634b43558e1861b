"""
Tests for L{ichatgw.observe.hep.packet}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.observe.hep.packet import LONGEST, IPProtocol, Kind, callOf, endsOf, pack, whoOf
from ichatgw.test.support.events import OURS, PHONE
from ichatgw.test.support.hepreceiver import decoded

ENDS = endsOf(PHONE.host, PHONE.port, OURS.host, OURS.port, IPProtocol.UDP, Kind.SIP)
INVITE = b"INVITE sip:a SIP/2.0\r\n\r\n"


class PacketTests(SynchronousTestCase):
    """What a receiver reads."""

    def test_all(self) -> None:
        """A packet says what was captured, between whom, when, by whom and of which call."""
        self.assertEqual(
            decoded(pack(ENDS, whoOf(2001, "s3cret"), 1_700_000_000.25, INVITE, callOf("c-1"))),
            {
                "family": 2,
                "protocol": 17,
                "source": PHONE.host,
                "destination": OURS.host,
                "sourcePort": 5060,
                "destinationPort": 5060,
                "seconds": 1_700_000_000,
                "microseconds": 250_000,
                "kind": 1,
                "captureId": 2001,
                "password": b"s3cret",
                "correlation": b"c-1",
                "payload": INVITE,
            },
        )

    def test_IPv6(self) -> None:
        """IPv6 has chunks of its own."""
        ends = endsOf("2001:db8::7", 1, "2001:db8::1", 2, IPProtocol.TCP, Kind.RTCP)
        found = decoded(pack(ends, whoOf(1), 1.0, INVITE))
        self.assertEqual((found["family"], found["source"], found["destination"]), (10, "2001:db8::7", "2001:db8::1"))
        self.assertEqual((found["protocol"], found["kind"]), (6, 5))

    def test_without(self) -> None:
        """Without a password or a call there are no such chunks."""
        found = decoded(pack(ENDS, whoOf(1), 1.0, INVITE))
        self.assertNotIn("password", found)
        self.assertNotIn("correlation", found)

    def test_cannotBe(self) -> None:
        """What cannot be said by HEP is an error: two families, or more octets than a packet may have."""
        self.assertRaises(ValueError, endsOf, "2001:db8::7", 1, "192.0.2.1", 2, IPProtocol.UDP, Kind.SIP)
        self.assertRaises(ValueError, pack, ENDS, whoOf(1), 1.0, LONGEST * b"x")
