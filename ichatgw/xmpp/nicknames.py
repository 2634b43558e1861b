# -*- test-case-name: ichatgw.test.xmpp.test_nicknames -*-
# mypy: allow-untyped-calls
"""
The names of numbers as events of their nicknames (XEP-0172 by XEP-0163), for clients that read them nowhere else.

Each client that says that it wants such events hears of all named numbers that its user has subscribed to, once while
it is online: they cannot be asked for later, as there is no node behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, field
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.pubsub import NS_PUBSUB_EVENT
from zope.interface import implementer

from ichatgw.runtime.turns import Sweep, Turns
from ichatgw.xmpp.clients import Resource
from ichatgw.xmpp.discoinfo import WANTS_NICKS
from ichatgw.xmpp.names import NS_NICK, addNick
from ichatgw.xmpp.presence.presence import IPresenceListener
from ichatgw.xmpp.stanzas import bareJID

MAX_USERS = 20_000
"""Of how many users it is remembered which clients were told; those of more may be told again."""


@implementer(IPresenceListener)
@define(eq=False)
class Nicknames:
    """
    It listens to presence, and to capabilities for clients of which more is known than their presence said.

    @ivar features: what a client can; C{None} if that is not known.
    @ivar subscribed: which of our addresses a user has subscribed to.
    @ivar nameOf: the name that a user (first) sees of our address (second); empty if it has none.
    @ivar send: sends a stanza.
    @ivar isReady: does the server take more in?
    """

    _turns: Turns
    features: Callable[[Resource], frozenset[str] | None]
    subscribed: Callable[[JID], Iterable[JID]]
    nameOf: Callable[[JID, JID], str]
    send: Callable[[Element], object]
    isReady: Callable[[], bool]
    _told: dict[JID, set[JID]] = field(factory=dict, init=False)
    _waiting: dict[JID, None] = field(factory=dict, init=False)
    _sweep: Sweep[Element] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._sweep = self._turns.sweep(self.send, ready=self.isReady)

    def available(self, resource: Resource) -> None:
        """See L{IPresenceListener}."""
        client, user = resource.jid, bareJID(resource.jid)
        if client in self._told.get(user, ()) or WANTS_NICKS not in (self.features(resource) or ()):
            return
        self._told.setdefault(user, set()).add(client)
        self._waiting[client] = None
        if len(self._told) > MAX_USERS:
            self.unavailable(next(iter(self._told)))
        if not self._sweep.running:
            self._sweep.start(self._events())

    def unavailable(self, jid: JID) -> None:
        """See L{IPresenceListener}."""
        user = bareJID(jid)
        gone = {jid} if jid.resource else self._told.get(user, set())
        for client in tuple(gone):
            self._waiting.pop(client, None)
        left = self._told.get(user, set()) - gone
        if left:
            self._told[user] = left
        else:
            self._told.pop(user, None)

    def failed(self, jid: JID, condition: str, code: int | None) -> None:
        """See L{IPresenceListener}."""

    def _events(self) -> Iterator[Element]:
        while self._waiting:
            client = next(iter(self._waiting))
            del self._waiting[client]
            for ours in self.subscribed(bareJID(client)):
                name = self.nameOf(client, ours)
                if name:
                    yield _event(client, ours, name)


def _event(to: JID, ours: JID, name: str) -> Element:
    message = Element((None, "message"))
    message["to"], message["from"], message["type"] = to.full(), ours.full(), "headline"
    items = message.addElement((NS_PUBSUB_EVENT, "event")).addElement("items")
    items["node"] = NS_NICK
    item = items.addElement("item")
    item["id"] = "current"
    addNick(item, name)
    return message
