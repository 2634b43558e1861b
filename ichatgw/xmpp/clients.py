# -*- test-case-name: ichatgw.test.xmpp.test_clients,ichatgw.test.xmpp.presence.test_presence -*-
# mypy: allow-untyped-calls
"""
The table of clients that are known to be online.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import frozen
from twisted.words.protocols.jabber.jid import JID

from ichatgw.runtime.turns import Sweep, Turns
from ichatgw.xmpp.stanzas import bareJID

ICHAT_NODE = "apple:ichat:caps"
ICHAT_NODES = frozenset({ICHAT_NODE, "http://www.apple.com/ichat/caps"})

SHOW_ORDER = ("", "chat", "away", "dnd", "xa")

MAX_RESOURCES = 16
"""Clients of one user."""

MAX_STRANGERS = 5000
"""Strangers whose clients are kept: users who may not call and have subscribed to nothing."""

MAX_STRANGERS_OF_DOMAIN = 1000
"""How many of them of one domain."""

MAX_USERS = 100_000
"""Users whose clients are kept."""


@frozen
class Resource:
    """
    One client of a user, as its presence describes it.

    @ivar jid: its full address.
    @ivar show: how available it says to be: empty, C{chat}, C{away}, C{xa} or C{dnd}.
    @ivar node: which program it is, C{ver}: which version, C{ext}: which extensions it has now (XEP-0115, first form).
    @ivar hash: how C{ver} was computed (XEP-0115, second form); empty in the first.
    @ivar caps2: the best hash of XEP-0390 that it shows, after the name of its algorithm and a dot; empty if none.
    """

    jid: JID
    show: str
    priority: int
    node: str
    ver: str
    ext: frozenset[str]
    hash: str = ""
    caps2: str = ""

    @property
    def isIChat(self) -> bool:
        return self.node in ICHAT_NODES

    @property
    def avAvailable(self) -> bool:
        """Can it take an audio call now?  (An iChat in a call drops C{avavail}.)"""
        return self.isIChat and "avavail" in self.ext

    @property
    def rank(self) -> tuple[int, int]:
        """Sorts the best one to call first; resources of equal rank are equally good."""
        return (SHOW_ORDER.index(self.show), -self.priority)


class Clients:
    """
    The clients of users, and of strangers in bounded number: strangers take no place of users, nor those of one domain
    all places of the others.
    """

    def __init__(self, turns: Turns, isStranger: Callable[[JID], bool]) -> None:
        """
        @param isStranger: is this one, a bare address, of those whose number is bounded?
        """
        self._isStranger = isStranger
        self._users: dict[JID, dict[JID, Resource]] = {}
        self._strangers: dict[JID, None] = {}
        self._domains: Counter[str] = Counter()
        self._leftover = Leftover(turns)

    @property
    def users(self) -> tuple[JID, ...]:
        """Those of whom a client is known, as bare addresses."""
        return tuple(self._users)

    def of(self, user: JID) -> Iterable[Resource]:
        """The clients of a user, in no order."""
        return self._users.get(user, {}).values()

    def put(self, resource: Resource) -> tuple[bool, Resource | None]:
        """
        A client has come, or is not what it was.

        @return: whether there was room for it, and what it was.
        """
        user = bareJID(resource.jid)
        own = self._users.get(user)
        before = None if own is None else own.get(resource.jid)
        if own is None:
            if not self._enter(user):
                return False, None
            own = self._users[user] = {}
        elif before is None and len(own) >= MAX_RESOURCES:
            return False, None
        own[resource.jid] = resource
        return True, before

    def remove(self, jid: JID) -> None:
        """A client has gone, or all of a user's, if C{jid} is bare."""
        user = bareJID(jid)
        own = self._users.get(user)
        if own is None:
            return
        own.pop(jid, None)
        if not own or not jid.resource:
            del self._users[user]
            if user in self._strangers:
                del self._strangers[user]
                self._domains[user.host] -= 1
                if not self._domains[user.host]:
                    del self._domains[user.host]

    def clear(self) -> None:
        """Forget all, at once; what they took is given back some at a time."""
        self._leftover.add(self._users, self._strangers)
        self._users, self._strangers = {}, {}
        self._domains.clear()

    def _enter(self, user: JID) -> bool:
        """Is there room for this one?"""
        if not self._isStranger(user):
            return len(self._users) - len(self._strangers) < MAX_USERS
        if len(self._strangers) >= MAX_STRANGERS or self._domains[user.host] >= MAX_STRANGERS_OF_DOMAIN:
            return False
        self._strangers[user] = None
        self._domains[user.host] += 1
        return True


class Leftover:
    """Large tables that are not needed any more: to free all of one at once would take longer than sound can wait."""

    def __init__(self, turns: Turns) -> None:
        self._tables: deque[dict[Any, Any]] = deque()
        self._sweep: Sweep[object] = turns.sweep(lambda item: None)

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def add(self, *tables: dict[Any, Any]) -> None:
        """Empty these; they are not used any more."""
        self._tables.extend(table for table in tables if table)
        if self._tables and not self._sweep.running:
            self._sweep.start(self._items())

    def _items(self) -> Iterator[object]:
        while self._tables:
            table = self._tables[0]
            while table:
                yield table.popitem()
            self._tables.popleft()
