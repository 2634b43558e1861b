# -*- test-case-name: ichatgw.test.control.test_people -*-
"""
Orders about users: those of XMPP that are online, and the addresses at which they are registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import define

from ichatgw.control.protocol import Answer
from ichatgw.control.server import Orders
from ichatgw.sip.register.schedule import Registrations
from ichatgw.xmpp.presence.presence import Presence


@define(eq=False)
class People:
    """
    @ivar isJingle: is this client one that can be called by Jingle?
    """

    presence: Presence
    registrations: Registrations
    isJingle: Callable[[Any], bool]

    def addTo(self, orders: Orders) -> None:
        """Carry out such orders."""
        orders.add("users", self.users)
        orders.add("registrations", self.registered)

    def users(self, words: Mapping[str, str]) -> Answer:
        """The users that are online, and their clients."""
        users = self.presence.users
        return Answer({"count": len(users)}, self._users(users))

    def _users(self, users: Iterable[Any]) -> Iterator[dict[str, Any]]:
        for user in users:
            clients = [self._client(each) for each in self.presence.resources(user)]
            if clients:  # else the user has gone meanwhile
                yield {"user": user.full(), "clients": clients}

    def _client(self, client: Any) -> dict[str, Any]:
        kind = "ichat" if client.isIChat else "jingle" if self.isJingle(client) else "no calls"
        return {"address": client.jid.full(), "kind": kind, "show": client.show, "priority": client.priority}

    def registered(self, words: Mapping[str, str]) -> Answer:
        """At which addresses users are registered, or are to be."""
        registrations = self.registrations
        addresses = registrations.addresses
        return Answer({"count": len(addresses)}, filter(None, map(registrations.about, addresses)))
