"""
Tests for L{ichatgw.net.networks}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.net.networks import neighbourhoodOf, sourceOf


class NetworksTests(SynchronousTestCase):
    """Which addresses count as one."""

    def test_source(self) -> None:
        """An IPv4 address stands for itself, an IPv6 address for its /64; a mapped or scoped one for what it is."""
        for host, source in (
            ("192.0.2.77", "192.0.2.77"),
            ("::ffff:192.0.2.77", "192.0.2.77"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::9", "2001:db8:1:2::"),
            ("2001:db8:1:3::9", "2001:db8:1:3::"),
            ("fe80::1%eth0", "fe80::"),
        ):
            self.assertEqual(sourceOf(host), source, host)

    def test_neighbourhood(self) -> None:
        """A /24 of IPv4, a /48 of IPv6."""
        self.assertEqual(neighbourhoodOf("192.0.2.77"), "192.0.2.0")
        self.assertEqual(neighbourhoodOf("::ffff:192.0.3.77"), "192.0.3.0")
        self.assertEqual(neighbourhoodOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1::")
