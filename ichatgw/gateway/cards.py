# -*- test-case-name: ichatgw.test.xmpp.cards.test_pictures -*-
"""
What users are told of who is behind a number: the phone book's name, organisation and picture.
"""

from __future__ import annotations

from collections.abc import Callable

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.defer import Deferred, succeed
from twisted.words.protocols.jabber.jid import JID

from ichatgw.phonebook.book import PhoneBook
from ichatgw.xmpp.cards.pictures import Picture, Pictures
from ichatgw.xmpp.cards.vcards import Card


def cardsOf(
    book: PhoneBook, pictures: Pictures, nameOf: Callable[[JID, JID], str]
) -> Callable[[JID, JID], Deferred[Card]]:
    """
    Cards for L{ichatgw.xmpp.cards.vcards.VCards}.

    @param nameOf: the name that a user (first) sees of our address (second).
    """

    def cardOf(user: JID, ours: JID) -> Deferred[Card]:
        name = nameOf(user, ours)
        entry = book.called("xmpp:" + ours.full()) if ours.user else None
        if entry is None:
            return succeed(Card(name))
        org = entry.org

        def found(picture: Picture | None) -> Card:
            return Card(name, org, None if picture is None else (picture.kind, picture.content))

        return pictures.find(entry.photo).addCallback(found)

    return cardOf
