# -*- test-case-name: ichatgw.test.test_escaping -*-
"""
Tests for L{ichatgw.escaping}.
"""

from __future__ import annotations

from urllib.parse import unquote

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.escaping import escape, fromSIP, toSIP


class EscapingTests(SynchronousTestCase):
    """User parts of XMPP and of SIP."""

    def test_roundTrip(self) -> None:
        """Whatever a user part holds can be read back, also what looks like an escape (XEP-0106)."""
        for text, escaped in (
            ("space cadet", "space\\20cadet"),
            ('call me "ishmael"', "call\\20me\\20\\22ishmael\\22"),
            ("at&t guy", "at\\26t\\20guy"),
            ("/.fanboy", "\\2f.fanboy"),
            ("::foo::", "\\3a\\3afoo\\3a\\3a"),
            ("<foo>", "\\3cfoo\\3e"),
            ("user@host", "user\\40host"),
            ("c:\\net", "c\\3a\\net"),
            ("c:\\cool\\20stuff", "c\\3a\\cool\\5c20stuff"),
        ):
            self.assertEqual((escape(text), unquote(toSIP(escaped))), (escaped, text))

    def test_sip(self) -> None:
        """Between the two protocols one way of escaping becomes the other (RFC 7247)."""
        for sip, xmpp in (
            ("bob", "bob"),
            ("+49301234", "+49301234"),
            ("a%20b", "a\\20b"),
            ("a%40b", "a\\40b"),
            ("o'neil", "o\\27neil"),
            ("a&b", "a\\26b"),
        ):
            self.assertEqual((fromSIP(sip), toSIP(xmpp)), (xmpp, sip))
        self.assertEqual(fromSIP("j%C3%BCrgen"), "jürgen")

    def test_asItIs(self) -> None:
        """What is not escaped may have been written for SIP, by a rule."""
        for user in ("a%40b", "*#06#", "a:secret", "a\\b", "jürgen", "1;phone-context=x"):
            self.assertEqual(toSIP(user), user)

    def test_nonsense(self) -> None:
        """What is no UTF-8 is shown as such, and raises nothing."""
        self.assertEqual(fromSIP("%ff%"), "\ufffd%")
