# -*- test-case-name: ichatgw.test.xmpp.presence.test_showing,ichatgw.test.xmpp.presence.test_presence -*-
"""
Speed dials: our addresses as contacts of users, and the presence that each kind of client is shown of them.

One gateway address serves iChats and Jingle clients.  To an iChat it is shown bare and with the capabilities of an
iChat, to other clients with a resource and the capabilities of a phone.  As long as no iChat of a user is known, the
latter goes to all clients of the user at once; each iChat is shown its own as soon as it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.xmpp.clients import Clients
from ichatgw.xmpp.presence.stanzas import presenceStanza
from ichatgw.xmpp.presence.store import ISubscriptionStore
from ichatgw.xmpp.stanzas import bareJID, parseJID

PHONE_RESOURCE = "gw"
"""The resource of our addresses for Jingle clients, which talk to a full address and read of it what it can."""


@frozen
class SpeedDials:
    """
    Makes the presence of our addresses.

    @ivar control: the control address, bare.
    @ivar gateway: our domain.
    @ivar store: knows who has subscribed to which of our addresses.
    @ivar clients: the clients of users that are known.
    @ivar addCaps: adds to a presence what our addresses can for Jingle clients; C{None} if there are none: all are
        shown an iChat.
    @ivar addGatewayCaps: the same for our domain itself; C{None} if that is not shown.
    """

    control: JID
    gateway: JID
    _store: ISubscriptionStore
    _clients: Clients
    _addCaps: Callable[[Element], None] | None
    _addGatewayCaps: Callable[[Element], None] | None

    @property
    def showsGateway(self) -> bool:
        """Is our domain itself shown?"""
        return self._addGatewayCaps is not None

    def of(self, user: JID, kind: str | None = None) -> Iterator[Element]:
        """The presence of all our addresses that C{user} has subscribed to."""
        for ours in self._store.gatewayJIDs(user):
            yield from self.stanzas(user, ours, ours != self.control, kind)

    def forNew(self, client: JID) -> Iterator[Element]:
        """
        A client of another kind than the others of its user has come: what all were shown may not be for it.

        @param client: its full address.
        """
        user = bareJID(client)
        if self._addCaps is not None and any(one.isIChat for one in self._clients.of(user)):
            for ours in self._store.gatewayJIDs(user):
                if ours != self.control:
                    yield from self.stanzas(client, ours, True)

    def stanzas(self, to: JID, from_: JID, withCaps: bool, kind: str | None = None) -> Iterator[Element]:
        """
        Presence of one of our addresses, to each kind of client its own.

        @param withCaps: also what it can, to iChats what an iChat can; else nothing of that.
        @param kind: the type of the stanzas, C{None} for available.
        """
        if from_ == self.gateway and self._addGatewayCaps is not None:
            stanza = presenceStanza(to, from_, kind)
            if kind is None:
                self._addGatewayCaps(stanza)
            yield stanza
            return
        if not withCaps or self._addCaps is None:
            yield presenceStanza(to, from_, kind, withCaps)
            return
        user = bareJID(to)
        known = [one for one in self._clients.of(user) if to in (one.jid, user)]
        if not any(one.isIChat for one in known):
            yield self.phone(to, _phone(from_), kind)
            return
        for one in known:
            if one.isIChat:
                yield presenceStanza(one.jid, from_, kind, True)
            else:
                yield self.phone(one.jid, _phone(from_), kind)

    def phone(self, to: JID, from_: JID, kind: str | None = None) -> Element:
        """Presence of the full address C{from_}, which is a phone."""
        stanza = presenceStanza(to, from_, kind)
        if kind is None and self._addCaps is not None:
            self._addCaps(stanza)
        return stanza


def _phone(ours: JID) -> JID:
    """The full address under which phones are shown."""
    return parseJID(f"{ours.full()}/{PHONE_RESOURCE}")
