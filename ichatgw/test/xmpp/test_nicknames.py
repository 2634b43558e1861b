# -*- test-case-name: ichatgw.test.xmpp.test_nicknames -*-
# mypy: allow-untyped-calls
"""Tests for L{ichatgw.xmpp.nicknames}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from zope.interface.verify import verifyObject

from ichatgw.runtime.turns import SWEEP_INTERVAL, SWEEP_ITEMS, Turns
from ichatgw.xmpp import nicknames
from ichatgw.xmpp.clients import Resource
from ichatgw.xmpp.discoinfo import WANTS_NICKS
from ichatgw.xmpp.names import NS_NICK
from ichatgw.xmpp.nicknames import Nicknames
from ichatgw.xmpp.presence.presence import IPresenceListener

KIM = JID("kim@jabber.example")
NUMBERS = tuple(JID(f"{number}@gw.example") for number in (72, 73, 74))


def client(resource: str = "pc", user: str = "kim") -> Resource:
    """A client of a user."""
    return Resource(JID(f"{user}@jabber.example/{resource}"), "", 0, "", "", frozenset())


class NicknamesTests(SynchronousTestCase):
    """A user who has subscribed to three numbers, of which two have names."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sent: list[Element] = []
        self.features: frozenset[str] | None = frozenset({WANTS_NICKS})
        self.numbers: tuple[JID, ...] = NUMBERS
        self.isReady = True
        self.names = {"72": "Bob & Co", "74": "Lee"}
        self.nicknames = Nicknames(
            Turns(self.clock),
            lambda resource: self.features,
            lambda user: self.numbers if user == KIM else (),
            lambda user, ours: self.names.get(ours.user or "", ""),
            self.sent.append,
            lambda: self.isReady,
        )

    def said(self) -> list[tuple[str, str, str]]:
        """Who was told what of whom."""
        self.clock.pump([SWEEP_INTERVAL] * 5)
        found = []
        for stanza in self.sent:
            self.assertEqual(
                (stanza.name, stanza["type"], stanza.event.items["node"]), ("message", "headline", NS_NICK)
            )
            found.append((stanza["to"], stanza["from"], str(stanza.event.items.item.nick)))
        self.sent.clear()
        return found

    def test_told(self) -> None:
        """A client that wants them hears the names of its user's numbers, from their bare addresses, once."""
        verifyObject(IPresenceListener, self.nicknames)
        self.nicknames.available(client())
        to = "kim@jabber.example/pc"
        expected = [(to, "72@gw.example", "Bob & Co"), (to, "74@gw.example", "Lee")]
        self.assertEqual(self.said(), expected)
        self.nicknames.available(client())
        self.assertEqual(self.said(), [])
        self.nicknames.unavailable(client().jid)
        self.nicknames.available(client())
        self.assertEqual(self.said(), expected)
        self.nicknames.unavailable(KIM)
        self.nicknames.available(client())
        self.assertEqual(self.said(), expected)

    def test_unwanted(self) -> None:
        """Who does not want them, or of whom that is not known yet, is told nothing until it is known."""
        for features in (None, frozenset({"urn:xmpp:jingle:1"})):
            self.features = features
            self.nicknames.available(client())
            self.assertEqual(self.said(), [])
        self.features = frozenset({WANTS_NICKS})
        self.nicknames.available(client())
        self.assertEqual(len(self.said()), 2)

    def test_parts(self) -> None:
        """Many are sent in parts, while the server takes them, and not to a client that has gone meanwhile."""
        self.numbers = tuple(JID(f"72@gw{number}.example") for number in range(3 * SWEEP_ITEMS))
        self.isReady = False
        self.nicknames.available(client())
        self.nicknames.available(client("phone"))
        self.assertEqual(self.sent, [])
        self.nicknames.unavailable(client().jid)
        self.isReady = True
        self.clock.advance(SWEEP_INTERVAL)
        self.assertEqual(len(self.sent), SWEEP_ITEMS)
        self.clock.pump([SWEEP_INTERVAL] * 8)
        self.assertEqual({stanza["to"] for stanza in self.sent}, {"kim@jabber.example/phone"})

    def test_bounded(self) -> None:
        """Of so many users it is remembered who was told."""
        self.patch(nicknames, "MAX_USERS", 3)
        for number in range(10):
            self.nicknames.available(client(user=f"u{number}"))
        self.assertLessEqual(len(self.nicknames._told), 3)
