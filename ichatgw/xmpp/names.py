# -*- test-case-name: ichatgw.test.xmpp.test_names -*-
# mypy: allow-untyped-calls
"""
The names of the parties that our addresses stand for, as users see them: in presence and proposals (XEP-0172).
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.texts.memory import Remembered
from ichatgw.xmpp.stanzas import bareJID, recipient, sender

NS_NICK = "http://jabber.org/protocol/nick"

MAX_NAME = 128
"""Characters of a name."""

NAME_LIFE, MAX_NAMES = 86_400.0, 4096
"""Seconds for which the name that a caller or a sender gave is remembered, and of how many."""


@define(eq=False)
class Names:
    """
    The name that the phone book has for a party, or else the name that it gave when it last called or wrote; the latter
    is shown only to the user whom it called or wrote to.

    @ivar inBook: the name that the phone book has for an address of ours, C{xmpp:} before it; empty if it has none.
    """

    _clock: IReactorTime
    inBook: Callable[[str], str]
    _given: Remembered[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._given = Remembered(self._clock, NAME_LIFE, MAX_NAMES)

    def remember(self, user: JID, ours: JID, name: str) -> None:
        """A party has called C{user}, or written, from our address C{ours} and under that name."""
        if name and ours.user:
            self._given.put((bareJID(user), bareJID(ours)), name[:MAX_NAME])

    def of(self, user: JID, ours: JID) -> str:
        """The name of who is behind C{ours}, for C{user}; empty if it has none."""
        ours = bareJID(ours)
        known = self.inBook("xmpp:" + ours.full()) if ours.user else ""
        return known or self._given.get((bareJID(user), ours)) or ""

    def adding(self, addCaps: Callable[[Element], None]) -> Callable[[Element], None]:
        """Adds the name to a presence of ours beside what C{addCaps} does."""

        def add(presence: Element) -> None:
            addCaps(presence)
            try:
                addNick(presence, self.of(recipient(presence), sender(presence)))
            except MalformedError:  # it goes to no valid address
                return

        return add


def addNick(stanza: Element, name: str) -> None:
    """Say in a stanza of ours who it is from; an empty name is not said."""
    if name:
        stanza.addElement((NS_NICK, "nick"), content=name[:MAX_NAME])
