# -*- test-case-name: ichatgw.test.xmpp.presence.test_staying -*-
"""
Which users stay registered at SIP servers while they are offline: their clients sleep, and calls wake them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from enum import Enum

from attrs import define
from twisted.words.protocols.jabber.jid import JID

from ichatgw.errors import MalformedError
from ichatgw.xmpp.presence.store import ISubscriptionStore
from ichatgw.xmpp.stanzas import bareJID, parseJID


class Who(Enum):
    """Users who are registered; each kind has those of the kind before it, too."""

    ONLINE = "online"
    SUBSCRIBED = "subscribed"
    LISTED = "phone book"


@define(eq=False)
class Staying:
    """
    @ivar isListed: has the phone book that user, by the bare address?
    @ivar listed: all users of the phone book, as bare addresses.
    """

    store: ISubscriptionStore
    isListed: Callable[[str], bool] = lambda user: False
    listed: Callable[[], Iterable[str]] = lambda: ()
    who: Who = Who.ONLINE

    def __call__(self, user: JID) -> bool:
        """Does that user, a bare address, stay?"""
        if self.who is Who.ONLINE:
            return False
        return self.store.knows(user) or (self.who is Who.LISTED and self.isListed(user.full()))

    def users(self) -> Iterator[JID]:
        """All who stay; some may come twice."""
        if self.who is Who.ONLINE:
            return
        yield from self.store.users()
        if self.who is Who.LISTED:
            for each in self.listed():
                with suppress(MalformedError):  # the phone book takes what only looks like an address
                    yield bareJID(parseJID(each))
