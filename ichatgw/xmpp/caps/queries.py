# -*- test-case-name: ichatgw.test.xmpp.caps.test_caps -*-
# mypy: allow-untyped-calls
"""
Clients whose capabilities are not known yet: which are of one kind, which is asked next, and what was learned of each.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from attrs import define, field
from twisted.words.protocols.jabber.jid import JID

from ichatgw.runtime.fairqueue import FairQueue
from ichatgw.xmpp.clients import Resource
from ichatgw.xmpp.discoinfo import FIRST_ALGORITHMS, NS_CAPS, NS_CAPS2, SECOND_ALGORITHMS, Version

MAX_KNOWN = 1000
"""Versions whose features are remembered, of users and of strangers each."""

MAX_OWN = 2000
"""Clients whose own word is remembered, of users and of strangers each."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Latest(Generic[K, V]):
    """A table of what was used last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: K) -> V | None:
        if key in self._items:
            self._items.move_to_end(key)
        return self._items.get(key)

    def put(self, key: K, value: V) -> None:
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._most:
            self._items.popitem(last=False)

    def discard(self, key: K) -> None:
        self._items.pop(key, None)


@define(eq=False)
class Way:
    """
    How a client can be asked.

    @ivar version: what its answer is to fit; C{None} if it gave no hash.
    @ivar node: what is asked for.
    """

    version: Version | None
    node: str


@define(eq=False)
class Client:
    """
    A client of which it is not known what it can.

    @ivar ways: how it can still be asked, the best first.
    @ivar asked: when it was asked; C{None} if it was not.
    @ivar holds: whether its question keeps others from being asked.
    """

    resource: Resource
    ways: list[Way]
    kind: Kind
    id: str = ""
    asked: float = 0.0
    holds: bool = False


@define(eq=False)
class Kind:
    """
    Clients of which one is asked for all: users' clients that show the same version, or one client.

    @ivar unasked: those to be asked next, perhaps with some that have gone.
    @ivar queued: whether it waits in the queue.
    """

    group: Group
    key: Hashable
    clients: dict[JID, Client] = field(factory=dict, init=False)
    unasked: deque[JID] = field(factory=deque, init=False)
    queued: bool = False
    asking: bool = False

    def next(self) -> Client | None:
        """The next client to be asked; C{None} if there is none."""
        while self.unasked:
            client = self.clients.get(self.unasked[0])
            if client is not None and not client.id:
                return client
            self.unasked.popleft()
        return None


class Group:
    """
    Users or strangers.

    @ivar known: what all clients that show a version can.
    @ivar own: what a client can that speaks for itself, and what it showed then.
    """

    def __init__(self, mostOpen: int, mostOpenPerDomain: int) -> None:
        self.known: Latest[Version, frozenset[str]] = Latest(MAX_KNOWN)
        self.own: Latest[JID, tuple[tuple[str, ...], frozenset[str]]] = Latest(MAX_OWN)
        self.kinds: dict[Hashable, Kind] = {}
        self.queue: FairQueue[Kind] = FairQueue(100, 100, newestFirst=True)
        self._mostOpen = mostOpen
        self._mostOpenPerDomain = mostOpenPerDomain
        self._open: Counter[str] = Counter()
        self._opened = 0

    def hasSlot(self, domain: str) -> bool:
        """May one more client of C{domain} be asked?"""
        return self._opened < self._mostOpen and self._open[domain] < self._mostOpenPerDomain

    def count(self, domain: str, more: int) -> None:
        """Count queries to clients of C{domain}: C{more} of them are open, fewer if it is negative."""
        self._opened += more
        self._open[domain] += more
        if not self._open[domain]:
            del self._open[domain]

    def clear(self) -> None:
        """No query is open, and none waits."""
        self.kinds = {}
        self.queue.clear()
        self._open.clear()
        self._opened = 0


def shown(resource: Resource) -> tuple[str, ...]:
    """What a client shows of what it can."""
    return (resource.caps2, resource.hash, resource.node, resource.ver)


def waysOf(resource: Resource) -> list[Way]:
    """How a client can be asked.  One that gives no hash speaks for itself only."""
    ways = []
    algorithm, _, hash = resource.caps2.partition(".")
    if algorithm in SECOND_ALGORITHMS:
        ways.append(Way(Version(NS_CAPS2, algorithm, hash), f"{NS_CAPS2}#{resource.caps2}"))
    if resource.node and resource.ver:
        known = resource.hash in FIRST_ALGORITHMS
        version = Version(NS_CAPS, resource.hash, resource.ver) if known else None
        ways.append(Way(version, f"{resource.node}#{resource.ver}"))
    return ways


def areIndependent(domain: str, other: str) -> bool:
    """Have these domains probably different owners?"""
    return domain.split(".")[-2:] != other.split(".")[-2:]
