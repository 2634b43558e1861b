# -*- test-case-name: ichatgw.test.test_xmpp_store -*-
"""
Who has subscribed to which of our addresses.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.words.protocols.jabber.jid import JID
from zope.interface import Interface, implementer


class ISubscriptionStore(Interface):
    """
    Remembers the pairs of a user and an address of ours.  All addresses are bare.

    A user whose last pair goes is forgotten.
    """

    def add(user: JID, gatewayJID: JID) -> bool:
        """
        Remember the pair; a known one changes nothing.

        @return: whether it is remembered; if not, there is no room.
        """

    def remove(user: JID, gatewayJID: JID) -> None:
        """Forget the pair, if it is known."""

    def written() -> Deferred[None]:
        """
        When may what has been added and removed so far be acknowledged?

        @return: fires, never with a failure, when all of it will outlive the process, or cannot for now, which has been
            logged.  Those who ask later are told later.
        """

    def users() -> tuple[JID, ...]:
        """Everybody with at least one pair."""

    def gatewayJIDs(user: JID) -> tuple[JID, ...]:
        """What C{user} has subscribed to; empty for a stranger."""

    def knows(user: JID) -> bool:
        """Has C{user} at least one pair?"""


@implementer(ISubscriptionStore)
@define(eq=False)
class MemoryStore:
    """
    Keeps the pairs as long as the process lives.

    @ivar maxPerUser: how many pairs one user may have.
    @ivar maxPairs: how many there may be of all.
    """

    maxPerUser: int = 200
    maxPairs: int = 50_000
    _pairs: dict[JID, dict[JID, None]] = field(factory=dict, init=False)
    _count: int = field(default=0, init=False)

    def add(self, user: JID, gatewayJID: JID) -> bool:
        own = self._pairs.get(user, {})
        if gatewayJID in own:
            return True
        if len(own) >= self.maxPerUser or self._count >= self.maxPairs:
            return False
        self._pairs.setdefault(user, {})[gatewayJID] = None
        self._count += 1
        return True

    def remove(self, user: JID, gatewayJID: JID) -> None:
        own = self._pairs.get(user, {})
        if gatewayJID not in own:
            return
        del own[gatewayJID]
        self._count -= 1
        if not own:
            del self._pairs[user]

    def written(self) -> Deferred[None]:
        return succeed(None)

    def users(self) -> tuple[JID, ...]:
        return tuple(self._pairs)

    def gatewayJIDs(self, user: JID) -> tuple[JID, ...]:
        return tuple(self._pairs.get(user, ()))

    def knows(self, user: JID) -> bool:
        return user in self._pairs
