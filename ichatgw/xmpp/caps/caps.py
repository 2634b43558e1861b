# -*- test-case-name: ichatgw.test.xmpp.caps.test_caps -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Entity capabilities (XEP-0390, XEP-0115) of clients: what they can, and for which other clients an answer counts.

C{docs/decisions/0013-whose-capabilities-count.rst} says why.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from itertools import count
from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.disco import NS_DISCO_INFO
from wokkel.subprotocols import XMPPHandler
from zope.interface import implementer

from ichatgw.errors import MalformedError
from ichatgw.runtime.ratelimit import FAILURES, RateLimit
from ichatgw.runtime.turns import Turns
from ichatgw.xmpp.caps.queries import MAX_KNOWN, Client, Group, Kind, Latest, Way, areIndependent, shown, waysOf
from ichatgw.xmpp.clients import Leftover
from ichatgw.xmpp.discoinfo import WANTS_NICKS, Info, Version, readInfo
from ichatgw.xmpp.presence.presence import IPresenceListener, Resource
from ichatgw.xmpp.stanzas import bareJID

log = Logger()

HASTE = 3.0
"""Seconds after which a question that was not answered keeps no other from being asked."""

ANSWER_TIMEOUT = 15.0
"""Seconds in which an answer is taken."""

MAX_WAITING = 100_000
"""Clients of users that wait for what one of them says."""

MAX_OF_CALLS = 64
"""Features about calls that are remembered of one client."""

AT_ONCE = 20
"""Questions that are looked after in one turn of the reactor."""

MAX_PASSED_OVER = 200
"""Clients in the queue that have gone meanwhile, in one turn of the reactor."""


@implementer(IPresenceListener)
class Capabilities(XMPPHandler):
    """
    Knows what clients can that decides about calls, and asks for it.

    Of the clients of users (those who may call) that show the same version one is asked, and what it says counts for
    all if it fits the version.  What a stranger's client says counts for itself; for other strangers too when a client
    of another domain has said the same.  The tables of users and strangers are apart, and so are their questions.  Who
    is silent is passed over soon, and domains take turns, so that none can keep others from being asked.

    It listens to presence (add it to C{presence.listeners}, before those who want to know).

    @ivar listeners: who is told that more is known of a client, as if its presence had come again.
    """

    def __init__(self, turns: Turns, asker: JID, allows: Callable[[JID], bool]) -> None:
        """
        @param asker: the address of ours that asks, which clients share their presence with.
        @param allows: may this user call?
        """
        super().__init__()
        self.listeners: list[Callable[[Resource], None]] = []
        self._turns = turns
        self._asker = asker
        self._allows = allows
        self._failures = RateLimit(turns, *FAILURES, mostSources=1)
        self._ids = count(1)
        self._users = Group(1000, 1000)
        self._strangers = Group(1000, 100)
        self._claims: Latest[Version, tuple[str, frozenset[str]]] = Latest(MAX_KNOWN)
        self._clients: dict[JID, Client] = {}
        self._byUser: dict[JID, set[JID]] = {}
        self._fresh: OrderedDict[str, Client] = OrderedDict()
        self._slow: OrderedDict[str, Client] = OrderedDict()
        self._timer: IDelayedCall | None = None
        self._learned: deque[dict[JID, Client]] = deque()
        self._telling = turns.sweep(self._tell)
        self._leftover = Leftover(turns)

    def features(self, resource: Resource) -> frozenset[str] | None:
        """
        What a client can that decides about calls, and whether it wants to hear nicknames; C{None} if that is not
        known, or not yet.
        """
        group = self._groupOf(resource)
        own = group.own.get(resource.jid)
        if own is not None and own[0] == shown(resource):
            return own[1]
        for way in waysOf(resource):
            if way.version is not None:
                found = self._users.known.get(way.version)
                if found is None and group is self._strangers:
                    found = group.known.get(way.version)
                if found is not None:
                    return found
        return None

    def _groupOf(self, resource: Resource) -> Group:
        return self._users if self._allows(resource.jid) else self._strangers

    def connectionInitialized(self) -> None:
        for kind in ("result", "error"):
            self.xmlstream.addObserver(f"/iq[@type='{kind}']", self._answered)

    def connectionLost(self, reason: Any) -> None:
        """Clients are not asked any more.  Large tables go some at a time."""
        super().connectionLost(reason)
        self._leftover.add(self._clients, self._byUser, self._fresh, self._slow, *self._learned)
        for group in (self._users, self._strangers):
            self._leftover.add(group.kinds, *(kind.clients for kind in group.kinds.values()))
            group.clear()
        self._clients, self._byUser = {}, {}
        self._fresh, self._slow = OrderedDict(), OrderedDict()
        self._learned.clear()
        self._telling.stop()
        self._wake()

    # Who waits

    def available(self, resource: Resource) -> None:
        """See L{IPresenceListener}: ask what it can, if no client of its kind was asked."""
        client = self._clients.get(resource.jid)
        if client is not None and shown(client.resource) == shown(resource):
            client.resource = resource
            return
        self._forget(resource.jid)
        ways = waysOf(resource)
        if ways and not resource.isIChat and self.features(resource) is None:
            self._wait(resource, ways)

    def unavailable(self, jid: JID) -> None:
        """See L{IPresenceListener}."""
        for one in [jid] if jid.resource else tuple(self._byUser.get(jid, ())):
            for group in (self._users, self._strangers):
                group.own.discard(one)
            self._forget(one)
        self._wake()

    def failed(self, jid: JID, condition: str, code: int | None) -> None:
        """See L{IPresenceListener}."""

    def _wait(self, resource: Resource, ways: list[Way]) -> None:
        """A client waits until its capabilities are known; it is asked unless another one is asked for its kind."""
        group = self._groupOf(resource)
        if group is self._users and len(self._clients) >= MAX_WAITING:
            return
        alike = ways[0].version if group is self._users else None
        key: Hashable = resource.jid if alike is None else alike
        kind = group.kinds.setdefault(key, Kind(group, key))
        self._clients[resource.jid] = kind.clients[resource.jid] = Client(resource, ways, kind)
        kind.unasked.append(resource.jid)
        self._byUser.setdefault(bareJID(resource.jid), set()).add(resource.jid)
        self._ask(kind)

    def _forget(self, jid: JID) -> None:
        """A client does not wait any more."""
        client = self._clients.pop(jid, None)
        if client is None:
            return
        bare = bareJID(jid)
        own = self._byUser[bare]
        own.discard(jid)
        if not own:
            del self._byUser[bare]
        kind = client.kind
        kind.clients.pop(jid, None)
        if not kind.clients and kind.group.kinds.get(kind.key) is kind:
            del kind.group.kinds[kind.key]
        if client.id:
            self._close(client)

    # Questions

    def _ask(self, kind: Kind) -> None:
        """Ask the next client of a kind, now or later."""
        client = None if kind.asking or kind.queued else kind.next()
        if client is None:
            return
        domain = client.resource.jid.host
        if kind.group.hasSlot(domain):
            self._question(client)
            return
        kind.queued = True
        dropped = kind.group.queue.put(domain, kind)
        if dropped is not None:
            dropped.queued = False
            for jid in tuple(dropped.clients):
                self._forget(jid)

    def _question(self, client: Client) -> None:
        client.id = id = f"caps-{next(self._ids)}"
        client.asked = self._turns.seconds()
        client.holds = client.kind.asking = True
        client.kind.group.count(client.resource.jid.host, 1)
        self._fresh[id] = client
        self._wake()
        iq = Element((None, "iq"))
        iq["type"], iq["id"], iq["to"], iq["from"] = "get", id, client.resource.jid.full(), self._asker.full()
        iq.addElement((NS_DISCO_INFO, "query"))["node"] = client.ways[0].node
        self.send(iq)

    def _close(self, client: Client) -> None:
        """A question is over.  The next one of its kind, and the next one that waits, are asked."""
        for asked in (self._fresh, self._slow):
            asked.pop(client.id, None)
        self._release(client)

    def _release(self, client: Client) -> None:
        """A question keeps no other from being asked any more."""
        if not client.holds:
            return
        client.holds = client.kind.asking = False
        group = client.kind.group
        group.count(client.resource.jid.host, -1)
        self._ask(client.kind)
        self._askWaiting(group)

    def _askWaiting(self, group: Group) -> None:
        """Ask of those that wait as many as may be asked.  Kinds whose clients have gone are passed over."""
        for _ in range(MAX_PASSED_OVER):
            kind = group.queue.take(group.hasSlot)
            if kind is None:
                return
            kind.queued = False
            self._ask(kind)
            if kind.asking:
                return
        self._turns.callLater(0, self._askWaiting, group)

    def _wake(self) -> None:
        """See that the oldest questions are looked at in time."""
        due = [
            next(iter(asked.values())).asked + seconds
            for asked, seconds in ((self._fresh, HASTE), (self._slow, ANSWER_TIMEOUT))
            if asked
        ]
        if self._timer is not None and not (due and self._timer.getTime() <= min(due)):
            self._timer.cancel()
            self._timer = None
        if due and self._timer is None:
            self._timer = self._turns.callLater(max(0.0, min(due) - self._turns.seconds()), self._pass)

    def _pass(self) -> None:
        """Pass over those that are silent, a few at a time."""
        self._timer = None
        now = self._turns.seconds()
        for client in _oldest(self._slow, now - ANSWER_TIMEOUT):
            self._forget(client.resource.jid)
        for client in _oldest(self._fresh, now - HASTE):
            del self._fresh[client.id]
            self._slow[client.id] = client
            self._release(client)
        self._wake()

    # Answers

    def _answered(self, iq: Any) -> None:
        id = iq.getAttribute("id") or ""
        client = self._fresh.get(id) or self._slow.get(id)
        if client is None or iq.getAttribute("from") != client.resource.jid.full():
            return
        iq.handled = True
        try:
            if iq["type"] == "error" or iq.query is None:
                raise MalformedError("an error")
            info = readInfo(iq.query)
        except MalformedError:
            self._learnNothing(client)
        else:
            self._learn(client, info)
        self._wake()

    def _learnNothing(self, client: Client) -> None:
        self._forget(client.resource.jid)
        if client.ways[1:]:
            self._wait(client.resource, client.ways[1:])

    def _learn(self, client: Client, info: Info) -> None:
        resource, kind, version = client.resource, client.kind, client.ways[0].version
        features = frozenset((*sorted(info.ofCalls)[:MAX_OF_CALLS], *{WANTS_NICKS}.intersection(info.features)))
        told = {resource.jid: client}
        if version is None or not info.isSound or not version.fits(info):
            log.debug("The capabilities of {jid!r} count for itself only", jid=resource.jid.full()[:80])
            kind.group.own.put(resource.jid, (shown(resource), features))
        elif kind.group is self._users:
            self._users.known.put(version, features)
            told = kind.clients
            kind.clients, kind.unasked = {}, deque()
            del kind.group.kinds[kind.key]
        else:
            kind.group.own.put(resource.jid, (shown(resource), features))
            self._claim(version, resource.jid.host, features)
        self._close(client)
        self._learned.append(told)
        if not self._telling.running:
            self._telling.start(self._toTell())

    def _claim(self, version: Version, domain: str, features: frozenset[str]) -> None:
        """A stranger says what clients of this version can: that counts for strangers if two agree."""
        claim = self._claims.get(version)
        if claim is None:
            self._claims.put(version, (domain, features))
        elif claim[1] == features and areIndependent(claim[0], domain):
            self._strangers.known.put(version, features)

    def _toTell(self) -> Iterator[Client]:
        while self._learned:
            alike = self._learned[0]
            while alike:
                yield alike.popitem()[1]
            self._learned.popleft()

    def _tell(self, client: Client) -> None:
        if self._clients.get(client.resource.jid) is not client:
            return  # it has gone, or shows something else
        self._forget(client.resource.jid)
        for listener in self.listeners:
            try:
                listener(client.resource)
            except Exception:
                if self._failures.allow(None):
                    log.failure("A listener failed at capabilities")


def _oldest(asked: OrderedDict[str, Client], before: float) -> list[Client]:
    """Some of those who were asked at C{before} or earlier."""
    found: list[Client] = []
    for client in asked.values():
        if client.asked > before or len(found) == AT_ONCE:
            break
        found.append(client)
    return found
