"""
Tests for L{ichatgw.observe.hep.packet}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.observe.hep.packet import LONGEST, Capture, IPProtocol, Kind, pack
from ichatgw.test.support.events import OURS, PHONE
from ichatgw.test.support.hepreceiver import decoded

CAPTURE = Capture(Kind.SIP, IPProtocol.UDP, PHONE, OURS, 1_700_000_000.25, b"INVITE sip:a SIP/2.0\r\n\r\n", "c-1")


class PacketTests(SynchronousTestCase):
    """What a receiver reads."""

    def test_all(self) -> None:
        """A packet says what was captured, between whom, when, by whom and of which call."""
        self.assertEqual(
            decoded(pack(CAPTURE, 2001, "s3cret")),
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
                "payload": CAPTURE.payload,
            },
        )

    def test_IPv6(self) -> None:
        """IPv6 has chunks of its own."""
        source, destination = TransportAddress("2001:db8::7", 1), TransportAddress("2001:db8::1", 2)
        found = decoded(pack(evolve(CAPTURE, source=source, destination=destination), 1))
        self.assertEqual((found["family"], found["source"], found["destination"]), (10, "2001:db8::7", "2001:db8::1"))

    def test_without(self) -> None:
        """Without a password or a call there are no such chunks."""
        found = decoded(pack(evolve(CAPTURE, correlation=""), 1))
        self.assertNotIn("password", found)
        self.assertNotIn("correlation", found)

    def test_cannotBe(self) -> None:
        """What cannot be said by HEP is an error: two families, or more octets than a packet may have."""
        mixed = evolve(CAPTURE, source=TransportAddress("2001:db8::7", 1))
        self.assertRaises(ValueError, pack, mixed, 1)
        self.assertRaises(ValueError, pack, evolve(CAPTURE, payload=LONGEST * b"x"), 1)
