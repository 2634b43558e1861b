# -*- test-case-name: ichatgw.test.xmpp.presence.test_access -*-
"""
Which XMPP users may call.
"""

from __future__ import annotations

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.xmpp.presence.access import XMPPAccess


class GuestsTests(SynchronousTestCase):
    """L{XMPPAccess}."""

    def test_parentDomain(self) -> None:
        """The parent domain is the name without its first label, and a name of one label has none."""
        guests = XMPPAccess("GW.jabber.example")
        self.assertTrue(guests(JID("scott@jabber.example/iChat")))
        for other in (
            "mallory@evil.example/x",
            "a@example",
            "a@xjabber.example",
            "a@x.jabber.example",
            "a@gw.jabber.example",
        ):
            self.assertFalse(guests(JID(other)), other)
        self.assertFalse(XMPPAccess("gw")(JID("a@gw")))

    def test_domains(self) -> None:
        """Domains that are named take the place of the parent; they may change."""
        guests = XMPPAccess("gw.jabber.example", ("example.org",))
        self.assertTrue(guests(JID("a@example.org/x")))
        self.assertFalse(guests(JID("a@jabber.example")))
        guests.domains = ("a.example", "b.example")
        self.assertTrue(guests(JID("a@b.example")))
        self.assertFalse(guests(JID("a@example.org/x")))

    def test_addresses(self) -> None:
        """An address is asked for as it is written; what is none may not call."""
        guests = XMPPAccess("gw.example", ("x.example",))
        self.assertTrue(guests.admits("Kim@X.example"))
        for address in ("kim@y.example", "", "@", "kim@", "x" * 9999):
            self.assertFalse(guests.admits(address), address)
