# -*- test-case-name: ichatgw.test.sip.message.test_syntax -*-
"""
What L{ichatgw.sip.message.syntax} reads at one glance, and what it looks at piece by piece.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.sip.message import syntax


class PortTests(SynchronousTestCase):
    """The ports of those who are behind a NAT have five digits."""

    def test_ports(self) -> None:
        """Each port goes on as it is, by whichever way it is read."""
        for port in (5, 10, 5060, 9999, 10000, 40000, 59999, 60000, 64999, 65000, 65535):
            via = f"SIP/2.0/UDP 192.0.2.1:{port};rport;branch=z9hG4bK1"
            uri = f"sip:alice@192.0.2.1:{port};transport=udp"
            address = f"<{uri}>;tag=1"
            self.assertEqual((syntax.via(via), syntax.uri(uri), syntax.nameAddress(address)), (via, uri, address))

    def test_glance(self) -> None:
        """The ports of the kernel's own range are read at one glance."""
        self.assertTrue(syntax._PLAIN_VIA("SIP/2.0/UDP 192.0.2.1:32768;branch=z9hG4bK1;rport"))
        self.assertTrue(syntax._PLAIN_URI("sip:alice@192.0.2.1:60999"))
        self.assertTrue(syntax._PLAIN_ADDRESS('"Alice" <sip:alice@192.0.2.1:60999>;tag=1'))

    def test_wrong(self) -> None:
        """What is no port is a fault."""
        for port in ("0", "65536", "70000", "99999", "100000", "5060a"):
            self.assertRaises(MalformedError, syntax.via, f"SIP/2.0/UDP 192.0.2.1:{port};branch=z9hG4bK1")
            self.assertRaises(MalformedError, syntax.uri, f"sip:alice@192.0.2.1:{port}")
