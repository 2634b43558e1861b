# -*- test-case-name: ichatgw.test.xmpp.cards.test_avatars -*-
# mypy: allow-untyped-calls
"""Tests for L{ichatgw.xmpp.cards.avatars}."""

from __future__ import annotations

from hashlib import sha1
from typing import cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.test.xmpp.cards.test_pictures import PNG, SlowDisk
from ichatgw.xmpp.cards import avatars
from ichatgw.xmpp.cards.avatars import HASH_LIFE, NS_UPDATE, Avatars
from ichatgw.xmpp.cards.pictures import PICTURE_LIFE, Pictures
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.presence.stanzas import presenceStanza

USER, PHONE = JID("kim@jabber.example"), JID("+4930100@gw.example/gw")


class FakePresence:
    """
    Makes each presence anew when that is asked for.

    @ivar sent: what came of it.
    """

    xmlstream: object = object()

    def __init__(self) -> None:
        self.sent: list[Element] = []

    def showPhone(self, to: JID, from_: JID) -> None:
        stanza = presenceStanza(to, from_)
        self.add(stanza)
        self.sent.append(stanza)

    def add(self, stanza: Element) -> None:
        """Set by the test."""


class AvatarTests(SynchronousTestCase):
    """One number with a picture."""

    def setUp(self) -> None:
        self.clock, self.disk, self.presence = Clock(), SlowDisk(), FakePresence()
        self.path = self.file(PNG)
        self.photos: dict[str, str] = {PHONE.userhost(): self.path}
        self.avatars = Avatars(
            self.clock, Pictures(self.clock, self.disk), lambda ours: self.photos.get(ours.userhost())
        )
        self.avatars.shown = cast(Presence, self.presence)
        self.presence.add = self.avatars.adding(lambda stanza: None)  # type: ignore[method-assign,assignment]

    def file(self, content: bytes) -> str:
        path = str(self.mktemp())
        with open(path, "wb") as file:
            file.write(content)
        return path

    def show(self, ours: JID = PHONE) -> None:
        """The user is told of the presence of C{ours}."""
        self.presence.showPhone(USER, ours)

    def passes(self, seconds: float = 0.1) -> None:
        """Time goes by, and the disk works."""
        for _ in range(3):
            self.clock.pump([seconds / 6, seconds / 6])
            self.disk.settle()

    def said(self) -> list[str | None]:
        """What each presence that was sent says: a hash, C{""} for no picture, "?" for not known yet, or nothing."""
        found: list[str | None] = []
        for stanza in self.presence.sent:
            update = next((child for child in stanza.elements() if child.uri == NS_UPDATE), None)
            if update is None:
                found.append(None)
            else:
                found.append(str(update.photo) if update.photo is not None else "?")
        self.presence.sent = []
        return found

    def test_hash(self) -> None:
        """The first presence says that the picture is not known yet, and comes again with its hash."""
        self.show()
        self.assertEqual(self.said(), ["?"])
        self.passes()
        self.assertEqual(self.said(), [sha1(PNG).hexdigest()])
        self.show()
        self.assertEqual(self.said(), [sha1(PNG).hexdigest()])

    def test_none(self) -> None:
        """Who is in the book without a picture has none; of others nothing is said."""
        self.photos["72@gw.example"] = ""
        self.show(JID("72@gw.example/gw"))
        self.show(JID("73@gw.example/gw"))
        self.passes()
        self.assertEqual(self.said(), ["", None])

    def test_unreadable(self) -> None:
        """A file that is none is no picture, and is not read each time."""
        self.photos[PHONE.userhost()] = self.file(b"<svg/>")
        self.show()
        self.passes()
        self.assertEqual(self.said(), ["?", ""])
        self.show()
        self.assertEqual((self.said(), self.disk.given), ([""], []))

    def test_changed(self) -> None:
        """A picture that has changed is seen in time."""
        self.show()
        self.passes()
        with open(self.path, "wb") as file:
            file.write(PNG + b"new")
        self.passes(max(HASH_LIFE, PICTURE_LIFE) + 1)
        self.said()
        self.show()
        self.passes()
        self.assertEqual(self.said(), ["?", sha1(PNG + b"new").hexdigest()])

    def test_taken(self) -> None:
        """Who has left the book meanwhile is shown without."""
        self.show()
        self.photos.clear()
        self.passes()
        self.assertEqual(self.said(), ["?", None])

    def test_many(self) -> None:
        """Many at once are read one after another, and there is an end to those that wait."""
        self.patch(avatars, "MAX_WAITING", 60)
        for number in range(110):
            jid = JID(f"{number}@gw.example/gw")
            self.photos[jid.userhost()] = self.path
            self.show(jid)
        self.assertEqual(self.disk.given, [])
        self.clock.advance(0.1)
        self.assertEqual(len(self.disk.given), 1)
        self.said()
        self.disk.settle()
        self.clock.advance(0.02)
        self.assertLess(len(self.said()), 5)
        self.clock.pump([0.02] * 100)
        self.assertEqual(len(self.said()), 58)

    def test_cut(self) -> None:
        """Nothing is sent when there is no link."""
        self.show()
        self.presence.xmlstream = None
        self.presence.sent = []
        self.passes()
        self.assertEqual(self.said(), [])
