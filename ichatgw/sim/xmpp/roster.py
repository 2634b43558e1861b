# -*- test-case-name: ichatgw.test.sim.xmpp.test_router -*-
"""
The users of one domain as a server keeps them: who is logged in, who may see whom (RFC 6121 sections 3 and 4).
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.words.xish.domish import Element

from ichatgw.sim.xmpp import xml

Deliver = Callable[[Element], None]

SUBSCRIPTIONS = ("subscribe", "subscribed", "unsubscribe", "unsubscribed")


@define(eq=False)
class Contact:
    """
    One entry of a roster.

    @ivar sees: the user is subscribed to the contact's presence; C{seen} is the other way.
    @ivar asked: the user has asked for that and not been answered; C{asking} is the other way.
    """

    sees: bool = False
    seen: bool = False
    asked: bool = False
    asking: bool = False


@define(eq=False)
class Login:
    """
    One resource of a user.

    @ivar jid: the full JID.
    @ivar presence: what it last broadcast; C{None} before, and after it went unavailable.
    """

    jid: str
    deliver: Deliver
    server: Users
    presence: Element | None = field(default=None, init=False)

    def send(self, stanza: Element) -> None:
        """Take a stanza from the user."""
        self.server.sent(self, xml.copied(stanza, "jabber:client"))

    def close(self) -> None:
        """Log out; who saw the user available is told."""
        if self.presence is not None:
            self.send(xml.element("presence", type="unavailable"))
        self.server.logins.pop(self.jid, None)


@define(eq=False)
class Users:
    """
    @ivar domain: whose users these are.
    @ivar route: takes stanzas for anybody, local users too.
    """

    domain: str
    route: Deliver
    logins: dict[str, Login] = field(factory=dict, init=False)
    rosters: dict[str, dict[str, Contact]] = field(factory=dict, init=False)

    def login(self, jid: str, deliver: Deliver) -> Login:
        """A new resource; it replaces one of the same name."""
        login = Login(jid, deliver, self)
        self.logins[jid] = login
        self.rosters.setdefault(xml.bare(jid), {})
        return login

    def contact(self, user: str, other: str) -> Contact:
        """The roster entry that C{user} has for C{other}, made if need be (both bare)."""
        return self.rosters.setdefault(user, {}).setdefault(other, Contact())

    # What a user sends

    def sent(self, login: Login, stanza: Element) -> None:
        """A stanza from a local user."""
        stanza["from"] = login.jid
        to = xml.get(stanza, "to")
        kind = xml.get(stanza, "type")
        if stanza.name == "presence" and kind in SUBSCRIPTIONS:
            self._subscription(login, stanza, kind, xml.bare(to))
        elif stanza.name == "presence" and not to:
            self._broadcast(login, stanza, kind)
        elif to:
            self.route(stanza)
        elif stanza.name == "iq" and kind in ("get", "set"):
            login.deliver(xml.resultFor(stanza))

    def _broadcast(self, login: Login, presence: Element, kind: str) -> None:
        user = xml.bare(login.jid)
        first = login.presence is None
        login.presence = None if kind == "unavailable" else presence
        for other, contact in list(self.rosters[user].items()):
            if contact.seen:
                self._send(presence, login.jid, other)
            if contact.sees and first and login.presence is not None:
                self.route(xml.element("presence", type="probe", from_=login.jid, to=other))
        for sibling in self._resources(user):
            self._send(presence, login.jid, sibling.jid)
            if first and sibling is not login and sibling.presence is not None:
                self._send(sibling.presence, sibling.jid, login.jid)

    def _subscription(self, login: Login, presence: Element, kind: str, other: str) -> None:
        user = xml.bare(login.jid)
        contact = self.contact(user, other)
        if kind == "subscribe":
            contact.asked = not contact.sees
        elif kind == "unsubscribe":
            contact.sees = contact.asked = False
        elif kind == "unsubscribed":
            contact.seen = contact.asking = False
        elif not contact.asking and not contact.seen:
            return
        self._send(presence, user, other)
        if kind == "subscribed":
            contact.seen, contact.asking = True, False
            for resource in self._resources(user):
                self._send(resource.presence, resource.jid, other)

    # What others send to a user

    def deliver(self, stanza: Element) -> None:
        """A stanza for this domain."""
        to = xml.get(stanza, "to")
        user = xml.bare(to)
        if stanza.name == "presence":
            self._presence(stanza, user, to)
        elif to in self.logins:
            self.logins[to].deliver(stanza)
        elif stanza.name == "message" and self._resources(user) and xml.get(stanza, "type") != "error":
            for resource in self._resources(user):
                resource.deliver(stanza)
        elif xml.get(stanza, "type") not in ("error", "result"):
            self.route(xml.errorFor(stanza, "service-unavailable"))

    def _presence(self, presence: Element, user: str, to: str) -> None:
        kind = xml.get(presence, "type")
        other = xml.bare(xml.get(presence, "from"))
        if kind == "probe":
            self._probed(user, xml.get(presence, "from"))
        elif kind in SUBSCRIPTIONS:
            self._subscriptionReceived(presence, user, other, kind)
        elif "/" in to:
            if to in self.logins:
                self.logins[to].deliver(presence)
        else:
            for resource in self._resources(user):
                resource.deliver(presence)

    def _subscriptionReceived(self, presence: Element, user: str, other: str, kind: str) -> None:
        if user not in self.rosters:
            if kind == "subscribe":
                self.route(xml.element("presence", type="unsubscribed", from_=user, to=other))
            return
        contact = self.contact(user, other)
        if kind == "subscribe":
            if contact.seen:
                self.route(xml.element("presence", type="subscribed", from_=user, to=other))
                return
            contact.asking = True
        elif kind == "subscribed":
            if not contact.asked:
                return
            contact.sees, contact.asked = True, False
        elif kind == "unsubscribe":
            contact.seen = contact.asking = False
        else:
            contact.sees = contact.asked = False
        for resource in self._resources(user):
            resource.deliver(presence)

    def _probed(self, user: str, prober: str) -> None:
        if not self.rosters.get(user, {}).get(xml.bare(prober), Contact()).seen:
            self.route(xml.element("presence", type="unsubscribed", from_=user, to=xml.bare(prober)))
            return
        resources = self._resources(user)
        for resource in resources:
            self._send(resource.presence, resource.jid, prober)
        if not resources:
            self.route(xml.element("presence", type="unavailable", from_=user, to=prober))

    def _resources(self, user: str) -> list[Login]:
        """The available ones."""
        return [each for each in self.logins.values() if xml.bare(each.jid) == user and each.presence is not None]

    def _send(self, presence: Element | None, sender: str, to: str) -> None:
        if presence is not None:
            copy = xml.copied(presence, "jabber:client")
            copy["from"], copy["to"] = sender, to
            self.route(copy)
