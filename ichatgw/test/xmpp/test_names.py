# -*- test-case-name: ichatgw.test.xmpp.test_names -*-
"""Tests for L{ichatgw.xmpp.names}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.test.marks import slow
from ichatgw.test.support.streams import parse
from ichatgw.xmpp.names import MAX_NAME, MAX_NAMES, Names

KIM, LEE = JID("kim@jabber.example/phone"), JID("lee@jabber.example")
OURS, BOOKED = JID("72@gw.test/gw"), JID("73@gw.test")


class NamesTests(SynchronousTestCase):
    """Who knows whom by which name."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.names = Names(self.clock, lambda address: {"xmpp:73@gw.test": "Bob Book"}.get(address, ""))

    def test_given(self) -> None:
        """The name that somebody called under is known to whom they called, whatever the resource, for a day."""
        self.names.remember(KIM, OURS, "Alice")
        self.assertEqual(self.names.of(JID("kim@jabber.example"), JID("72@gw.test")), "Alice")
        self.assertEqual(self.names.of(LEE, OURS), "")
        self.names.remember(KIM, OURS, "")
        self.clock.advance(86_399)
        self.assertEqual(self.names.of(KIM, OURS), "Alice")
        self.clock.advance(1)
        self.assertEqual(self.names.of(KIM, OURS), "")

    def test_book(self) -> None:
        """The phone book knows better."""
        self.names.remember(KIM, BOOKED, "The Boss")
        self.assertEqual(self.names.of(KIM, BOOKED), "Bob Book")
        self.assertEqual(self.names.of(LEE, BOOKED), "Bob Book")

    @slow
    def test_bounded(self) -> None:
        """However many call under however long names, so much is kept."""
        for number in range(MAX_NAMES + 10):
            self.names.remember(KIM, JID(f"{number}@gw.test"), "x" * 1000)
        self.assertEqual(len(self.names._given), MAX_NAMES)
        self.assertEqual(len(self.names.of(KIM, JID(f"{MAX_NAMES}@gw.test"))), MAX_NAME)

    def test_presence(self) -> None:
        """A presence has the name beside the capabilities, if there is one (XEP-0172)."""
        seen: list[Element] = []
        add = self.names.adding(seen.append)
        for ours, nick in (("73@gw.test/gw", "Bob Book"), ("74@gw.test/gw", None)):
            presence = parse(f"<presence from='{ours}' to='kim@jabber.example'/>")
            add(presence)
            self.assertEqual(presence.nick and str(presence.nick), nick)
        add(parse("<presence from='@' to='@'/>"))
        self.assertEqual(len(seen), 3)
