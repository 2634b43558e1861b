# -*- test-case-name: ichatgw.test.sip.transport.test_target -*-
"""
Tests for L{ichatgw.sip.transport.target}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.sip.transport.target import Target, Transport


class TargetTests(SynchronousTestCase):
    """Values that say where to."""

    def test_transports(self) -> None:
        """The ports of RFC 3261, and who has to repeat himself."""
        self.assertEqual(
            [(each.value, each.defaultPort, each.reliable) for each in Transport],
            [("udp", 5060, False), ("tcp", 5060, True), ("tls", 5061, True)],
        )

    def test_named(self) -> None:
        """UDP is what a URI asks for that says nothing, or nothing known, unless it is secure."""
        asked = {"": "udp", "udp": "udp", "TCP": "tcp", "tls": "tls", "sctp": "udp"}
        self.assertEqual({name: Transport.of(name).value for name in asked}, asked)
        self.assertEqual({Transport.of(name, secure=True) for name in asked}, {Transport.TLS})

    def test_sameTarget(self) -> None:
        """One place is one target, whatever name led there; another transport is another."""
        address = TransportAddress("192.0.2.1", 5061)
        self.assertEqual(Target(Transport.TLS, address, "a.example"), Target(Transport.TLS, address, "b.example"))
        self.assertEqual(len({Target(Transport.TLS, address, "a"), Target(Transport.TLS, address, "b")}), 1)
        self.assertNotEqual(Target(Transport.TCP, address), Target(Transport.TLS, address))

    def test_shown(self) -> None:
        """As logs show it."""
        self.assertEqual(str(Target(Transport.TCP, TransportAddress("2001:db8::1", 5060))), "tcp:[2001:db8::1]:5060")
