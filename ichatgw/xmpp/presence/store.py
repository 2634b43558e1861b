# -*- test-case-name: ichatgw.test.xmpp.presence.test_store -*-
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

    def remove(user: JID, gatewayJID: JID) -> bool:
        """
        Forget the pair.

        @return: whether it was known.
        """

    def written() -> Deferred[None]:
        """
        When may what has been added and removed so far be acknowledged?

        @return: fires, never with a failure, when all of it will outlive the process, or cannot for now, which has been
            logged.  Those who ask later are told later.
        """

    def users() -> tuple[JID, ...]:
        """All users with at least one pair."""

    def gatewayJIDs(user: JID) -> tuple[JID, ...]:
        """What C{user} has subscribed to; empty for a stranger."""

    def knows(user: JID) -> bool:
        """Has C{user} at least one pair?"""


@define
class _Share:
    """What users have: how many there are, and how many pairs beyond the first of each."""

    users: int = 0
    further: int = 0


@implementer(ISubscriptionStore)
@define(eq=False)
class MemoryStore:
    """
    Keeps the pairs as long as the process lives.

    The first pair of a user has room as long as there are not too many users, whatever pairs others have; the further
    ones of all users of a domain share a number.  So neither a few users with many pairs nor the users of one domain
    leave no room for the others.

    @ivar maxPerUser: how many pairs one user may have.
    @ivar maxUsers: how many users there may be.
    @ivar maxUsersPerDomain: how many of them of one domain.
    @ivar maxFurther: how many pairs all users may have beyond their first ones.
    @ivar maxFurtherPerDomain: the same for the users of one domain.
    """

    maxPerUser: int = 200
    maxUsers: int = 100_000
    maxUsersPerDomain: int = 50_000
    maxFurther: int = 200_000
    maxFurtherPerDomain: int = 100_000
    _pairs: dict[JID, dict[JID, None]] = field(factory=dict, init=False)
    _all: _Share = field(factory=_Share, init=False)
    _domains: dict[str, _Share] = field(factory=dict, init=False)

    def add(self, user: JID, gatewayJID: JID) -> bool:
        own = self._pairs.get(user, {})
        if gatewayJID in own:
            return True
        domain = self._domains.get(user.host) or _Share()
        if not self._hasRoom(len(own), domain):
            return False
        self._domains[user.host] = domain
        for share in (self._all, domain):
            if own:
                share.further += 1
            else:
                share.users += 1
        self._pairs.setdefault(user, {})[gatewayJID] = None
        return True

    def _hasRoom(self, own: int, domain: _Share) -> bool:
        """Is there room for one more pair of a user who has C{own}?"""
        if not own:
            return self._all.users < self.maxUsers and domain.users < self.maxUsersPerDomain
        return (
            own < self.maxPerUser and self._all.further < self.maxFurther and domain.further < self.maxFurtherPerDomain
        )

    def remove(self, user: JID, gatewayJID: JID) -> bool:
        own = self._pairs.get(user, {})
        if gatewayJID not in own:
            return False
        del own[gatewayJID]
        domain = self._domains[user.host]
        for share in (self._all, domain):
            if own:
                share.further -= 1
            else:
                share.users -= 1
        if not own:
            del self._pairs[user]
        if not domain.users:
            del self._domains[user.host]
        return True

    def written(self) -> Deferred[None]:
        return succeed(None)

    def users(self) -> tuple[JID, ...]:
        return tuple(self._pairs)

    def gatewayJIDs(self, user: JID) -> tuple[JID, ...]:
        return tuple(self._pairs.get(user, ()))

    def knows(self, user: JID) -> bool:
        return user in self._pairs
