# -*- test-case-name: ichatgw.test.sip.transport.test_tlsidentity -*-
"""
Tests for L{ichatgw.sip.transport.tls.mismatch}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.transport.tls import mismatch
from ichatgw.test.support.sip.certificates import Authority


class MismatchTests(SynchronousTestCase):
    """Whose certificate it is (RFC 5922 section 7)."""

    def setUp(self) -> None:
        self.authority = Authority(Path(self.mktemp()))

    def judge(self, name: str, *names: str, addresses: bool = False) -> str:
        return mismatch(self.authority.make(*names), name, addresses)

    def test_names(self) -> None:
        """A SIP URI decides if there is one; else a DNS name; else the common name."""
        for name, names, right in (
            ("sip.example", ("x", "sip:sip.example"), True),
            ("SIP.example", ("x", "sip:sip.example"), True),
            ("sip.example", ("x", "sip.example"), True),
            ("sip.example", ("x", "other.example", "sip.example"), True),
            ("sip.example", ("sip.example",), True),
            ("sip.example", ("sip.example", "other.example"), False),
            ("sip.example", ("x", "sip:other.example", "sip.example"), False),
            ("sip.example", ("x", "sip:alice@sip.example"), False),
            ("sip.example", ("x", "sip:alice@other.example", "sip.example"), True),
            ("sip.example", ("x", "sip:sip.example:5061", "sip:other.example"), True),
            ("sip.example", ("x", "https://*.example:8443/x", "sip.example"), True),
            ("sip.example", ("x", "sip:*.example", "sip.example"), False),
            ("sip.example", ("sip.example", "mailto:alice@sip.example"), False),
            ("sip.example", ("sip.example", "192.0.2.1"), False),
            ("sip.example", ("other.example",), False),
            ("sip.example", ("a..b",), False),
            ("sip.example", ("x", "*.example"), False),
            ("sip.example", ("*.example",), False),
        ):
            self.assertEqual(not self.judge(name, *names), right, names)

    def test_addresses(self) -> None:
        """An address proves nothing unless the administrator says so."""
        self.assertIn("TLSAcceptAddresses", self.judge("192.0.2.1", "x", "192.0.2.1"))
        self.assertEqual(self.judge("192.0.2.1", "x", "192.0.2.1", addresses=True), "")
        self.assertEqual(self.judge("2001:db8::1", "x", "2001:db8::1", addresses=True), "")
        self.assertIn("not for", self.judge("192.0.2.1", "x", "192.0.2.2", "sip:a.example", addresses=True))
