"""
Tests of L{ichatgw.net.literals}.
"""

from __future__ import annotations

import ipaddress

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.net.literals import _readBefore, ip_address


class LiteralTests(SynchronousTestCase):
    """L{ip_address}."""

    def test_same(self) -> None:
        """It reads what the library reads, each time."""
        for text in ("192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0") * 2:
            self.assertEqual(ip_address(text), ipaddress.ip_address(text))

    def test_long(self) -> None:
        """A zone may be of any length; such an address is read, and not kept."""
        for zone, isKept in (("eth0", 1), ("x" * 5000, 0)):
            _readBefore.cache_clear()
            self.assertEqual(ip_address(f"fe80::1%{zone}"), ipaddress.ip_address(f"fe80::1%{zone}"))
            self.assertEqual(_readBefore.cache_info().currsize, isKept)

    def test_none(self) -> None:
        """What is no address is refused, each time."""
        for text in ("", "192.0.2", "example.com", "[::1]") * 2:
            self.assertRaises(ValueError, ip_address, text)
