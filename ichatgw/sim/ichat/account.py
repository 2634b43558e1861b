# -*- test-case-name: ichatgw.test.sim.ichat.test_account -*-
"""
The part of an iChat that talks XMPP about everything but calls: presence, contacts, what they can do, chat.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.sim.ichat.profile import FEATURES, Profile
from ichatgw.sim.moment import OneShot
from ichatgw.sim.xmpp import xml

GATEWAY_CAPS = {"node": "apple:ichat:caps", "ver": "448", "ext": "avavail avcap audio"}
GATEWAY_FEATURES = {
    "448": "jabber:iq:version",
    "avavail": "apple:iq:vc:available",
    "avcap": "apple:iq:vc:capable",
    "audio": "apple:iq:vc:audio",
}


@define(eq=False)
class Account:
    """
    @ivar jid: the full JID.
    @ivar send: gives a stanza to the server.
    @ivar complain: told what a gateway did wrong.
    @ivar presences: the last presence of each contact, under its address as sent.
    @ivar messages: chat received: sender and text.
    """

    jid: str
    profile: Profile
    send: Callable[[Element], None]
    complain: Callable[[str], None]
    show: str = field(default="", init=False)
    busy: bool = field(default=False, init=False)
    presences: dict[str, Element] = field(factory=dict, init=False)
    messages: list[tuple[str, str]] = field(factory=list, init=False)
    _subscriptions: dict[str, OneShot[bool]] = field(factory=dict, init=False)
    _callable: dict[str, OneShot[str]] = field(factory=dict, init=False)
    _asked: dict[str, Deferred[Element]] = field(factory=dict, init=False)
    _ids: count[int] = field(factory=lambda: count(0x1FFF40D4), init=False)

    def newId(self) -> str:
        """An IQ id as iChat makes them."""
        return f"iChat_{next(self._ids):08X}"

    def login(self) -> None:
        """Ask for the contacts, and become visible: a presence without features first, then one with them."""
        roster = xml.element("iq", type="get")
        xml.add(roster, "query", xml.ROSTER)
        self.ask(roster).addCallbacks(self._rosterReceived, lambda reason: None)
        self.send(self._presence(""))
        self.announce()

    def announce(self, *, busy: bool | None = None, show: str | None = None) -> None:
        """
        Say how one is.

        @param busy: in a call, and so without C{avavail}.
        @param show: C{away}, C{dnd}, ... or nothing.
        """
        self.busy = self.busy if busy is None else busy
        self.show = self.show if show is None else show
        features = self.profile.features.split()
        self.send(self._presence(" ".join(each for each in features if not (self.busy and each == "avavail"))))

    def logout(self) -> None:
        """Become invisible."""
        self.send(xml.element("presence", type="unavailable"))

    def subscribe(self, jid: str) -> Deferred[bool]:
        """Ask to see somebody's presence; fires with whether that was ever granted."""
        self.send(xml.element("presence", type="subscribe", to=jid))
        return self._subscriptions.setdefault(jid.lower(), OneShot()).when()

    def unsubscribe(self, jid: str) -> None:
        """No longer want to see it."""
        self._subscriptions.pop(jid.lower(), None)
        self.send(xml.element("presence", type="unsubscribe", to=jid))

    def whenCallable(self, jid: str) -> Deferred[str]:
        """Fires when the green telephone shows beside a contact: its presence says so, and discovery agrees."""
        return self._callable.setdefault(jid.lower(), OneShot()).when()

    def ask(self, query: Element) -> Deferred[Element]:
        """Send an IQ; fires with the result, fails on an error."""
        query["id"] = self.newId()
        waiter: Deferred[Element] = Deferred()
        self._asked[query["id"]] = waiter
        self.send(query)
        return waiter

    def inspect(self, jid: str) -> Deferred[bool]:
        """Ask a contact of the gateway for each of its features; fires with whether all is as it should be."""
        asked = [self._askFeature(jid, node, feature) for node, feature in GATEWAY_FEATURES.items()]
        return DeferredList(asked).addCallback(lambda results: all(fine for _, fine in results))

    def chat(self, to: str, text: str, kind: str = "chat") -> None:
        """Send a message."""
        message = xml.element("message", type=kind, to=to)
        xml.add(message, "body", text=text)
        self.send(message)

    def received(self, stanza: Element) -> None:
        """Take in a stanza that has nothing to do with calls."""
        if stanza.name == "presence":
            self._presenceReceived(stanza)
        elif stanza.name == "message":
            self.messages.append((xml.get(stanza, "from"), xml.text(xml.child(stanza, "body"))))
        elif xml.get(stanza, "type") in ("result", "error"):
            self._answered(stanza)
        elif xml.child(stanza, "query", xml.ROSTER) is not None:
            self._rosterReceived(stanza)
            self.send(xml.resultFor(stanza))
        else:
            self._queried(stanza)

    def _rosterReceived(self, iq: Element) -> None:
        """Whom we see already, we need not wait to see."""
        query = xml.child(iq, "query", xml.ROSTER)
        for item in xml.children(query) if query is not None else ():
            jid = xml.get(item, "jid").lower()
            if xml.get(item, "subscription") in ("to", "both"):
                self._subscriptions.setdefault(jid, OneShot()).come(True)

    def _presence(self, features: str) -> Element:
        presence = xml.element("presence")
        if self.show:
            xml.add(presence, "show", text=self.show)
        xml.add(presence, "priority", text="0")
        xml.add(presence, "x", "vcard-temp:x:update")
        caps = xml.add(presence, "c", xml.CAPS, node=self.profile.node, ver=self.profile.version)
        if features:
            caps["ext"] = features
        return presence

    def _presenceReceived(self, presence: Element) -> None:
        sender, kind = xml.get(presence, "from").lower(), xml.get(presence, "type")
        if kind == "subscribe":
            self.send(xml.element("presence", type="subscribed", to=xml.bare(sender)))
        elif kind == "error" and sender in self._subscriptions:
            error = xml.child(presence, "error")
            condition = next((each.name for each in xml.children(error)), "error") if error is not None else "error"
            self._subscriptions[sender].miss(f"{sender} cannot be subscribed to, the server says {condition}")
        elif kind in ("subscribed", "unsubscribed"):
            if sender in self._subscriptions:
                self._subscriptions[sender].come(kind == "subscribed")
        elif kind == "unavailable":
            self.presences.pop(sender, None)
        elif not kind:
            self.presences[sender] = presence
            self._consider(sender, presence)

    def _consider(self, sender: str, presence: Element) -> None:
        """Does this presence promise a telephone?  If so, see whether it keeps its word."""
        caps = xml.child(presence, "c", xml.CAPS)
        moment = self._callable.setdefault(sender, OneShot())
        if caps is None or moment.happened or xml.get(caps, "ver") != GATEWAY_CAPS["ver"]:
            return
        for name, value in GATEWAY_CAPS.items():
            if xml.get(caps, name) != value:
                self.complain(f"caps of {sender}: {name} is {xml.get(caps, name)!r}")
        if xml.text(xml.child(presence, "priority")) != "0":
            self.complain(f"presence of {sender}: priority is not 0")
        self.inspect(sender).addCallback(lambda fine: moment.come(sender) if fine else None)

    def _askFeature(self, jid: str, node: str, feature: str) -> Deferred[bool]:
        query = xml.element("iq", type="get", to=jid)
        xml.add(query, "query", xml.DISCO_INFO, node=f"{GATEWAY_CAPS['node']}#{node}")

        def check(answer: Element) -> bool:
            found = xml.child(answer, "query", xml.DISCO_INFO)
            features = [] if found is None else [xml.get(each, "var") for each in xml.children(found)]
            fine = (
                found is not None
                and xml.get(answer, "from").lower() == jid
                and xml.get(found, "node") == f"{GATEWAY_CAPS['node']}#{node}"
                and feature in features
            )
            if not fine:
                self.complain(f"discovery of {jid}, node {node}: from {xml.get(answer, 'from')}, features {features}")
            return fine

        def failed(reason: object) -> bool:
            self.complain(f"discovery of {jid}, node {node}: {reason!s:.80}")
            return False

        return self.ask(query).addCallbacks(check, failed)

    def _answered(self, answer: Element) -> None:
        waiter = self._asked.pop(xml.get(answer, "id"), None)
        if waiter is None:
            return
        if xml.get(answer, "type") == "result":
            waiter.callback(answer)
        else:
            waiter.errback(MalformedError(f"error: {xml.toXml(answer)}"))

    def _queried(self, iq: Element) -> None:
        """Somebody wants to know something of this iChat."""
        answer = xml.resultFor(iq)
        disco = xml.child(iq, "query", xml.DISCO_INFO)
        if disco is not None:
            self._describe(answer, xml.get(disco, "node"))
        elif xml.child(iq, "query", xml.VERSION) is not None:
            query = xml.add(answer, "query", xml.VERSION)
            xml.add(query, "name", text="iChat")
            xml.add(query, "version", text=self.profile.version)
        elif xml.child(iq, "ping", xml.PING) is None:
            answer = xml.errorFor(iq, "service-unavailable")
        self.send(answer)

    def _describe(self, answer: Element, node: str) -> None:
        query = xml.add(answer, "query", xml.DISCO_INFO)
        if node:
            query["node"] = node
        xml.add(query, "identity", category="client", type="pc", name="iChat")
        wanted = node.rpartition("#")[2]
        for token in self.profile.features.split():
            if token in FEATURES and wanted in ("", token, self.profile.version):
                xml.add(query, "feature", var=FEATURES[token])
        xml.add(query, "feature", var=xml.VERSION)
