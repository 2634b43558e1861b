# -*- test-case-name: ichatgw.test.xmpp.presence.test_presence,ichatgw.test.xmpp.presence.test_showing -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Presence: who is there with what, and what we show of ourselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.error import NS_XMPP_STANZAS
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler
from zope.interface import Interface

from ichatgw.errors import MalformedError
from ichatgw.runtime.ratelimit import FAILURES, RateLimit
from ichatgw.runtime.turns import Sweep, Turns
from ichatgw.xmpp.clients import ICHAT_NODE, ICHAT_NODES, SHOW_ORDER, Clients, Resource
from ichatgw.xmpp.discoinfo import NS_CAPS, NS_CAPS2, NS_HASHES, SECOND_ALGORITHMS
from ichatgw.xmpp.presence.store import ISubscriptionStore
from ichatgw.xmpp.stanzas import bareJID, parseJID, recipient, sender

__all__ = [
    "CAPS_EXTENSIONS",
    "CAPS_VERSION",
    "ICHAT_NODE",
    "PHONE_RESOURCE",
    "IPresenceListener",
    "Presence",
    "Resource",
    "presenceStanza",
]

log = Logger()

CAPS_VERSION = "448"  # no iChat ever had it
CAPS_EXTENSIONS = ("avavail", "avcap", "audio")

PHONE_RESOURCE = "gw"
"""The resource of our addresses for Jingle clients, which talk to a full address and read of it what it can."""

LONGEST_TEXT = 256

GOODBYE_TIMEOUT = 10.0
"""Seconds in which all are told that we go; those who are not by then see us a little longer."""


class IPresenceListener(Interface):
    """Is told what presence says of users.  The table (C{Presence.resources}) is up to date by then."""

    def available(resource: Resource) -> None:
        """A client came, or says something new of itself."""

    def unavailable(jid: JID) -> None:
        """
        A client is gone, or all of a user's are, if C{jid} is bare.  It need not have been known before: this may be
        the answer to a probe.
        """

    def failed(jid: JID, condition: str, code: int | None) -> None:
        """
        What we sent to C{jid} could not be delivered.

        @param condition: as in RFC 6120 section 8.3.3; empty if not given.
        @param code: the number that older programs give instead.
        """


class Presence(XMPPHandler):
    """
    Keeps the table of resources, and sends the presence of the control address and of the gateway addresses.

    One gateway address serves iChats and Jingle clients.  To an iChat it is shown bare and with the capabilities of an
    iChat, to other clients with a resource and the capabilities of a phone.  As long as no iChat of a user is known,
    the latter goes to all his clients at once; each iChat is shown its own as soon as it is known.

    The table is emptied without a word when the link is lost: once it is back, everybody known is probed anew.  Those
    who have subscribed to nothing and may not call are kept up to a number, resources of one user likewise.

    @ivar listeners: who is told, L{IPresenceListener}s.
    """

    def __init__(
        self,
        turns: Turns,
        control: JID,
        translates: Callable[[str], bool],
        store: ISubscriptionStore,
        addCaps: Callable[[Element], None] | None = None,
        addGatewayCaps: Callable[[Element], None] | None = None,
        *,
        allows: Callable[[JID], bool],
    ) -> None:
        """
        @param control: the control address, bare.
        @param translates: does a translation rule match C{xmpp:} and this bare address?
        @param addCaps: adds to a presence what our addresses can for Jingle clients; if not given, there are none: all
            are shown an iChat.
        @param addGatewayCaps: the same for our domain itself; if not given, that is not shown.
        @param allows: may this user, a bare address, call?
        """
        super().__init__()
        self.listeners: list[IPresenceListener] = []
        self._control = control
        self._translates = translates
        self._store = store
        self._addCaps = addCaps
        self._addGatewayCaps = addGatewayCaps
        self._allows = allows
        self._failures = RateLimit(turns, *FAILURES, mostSources=1)
        self._gateway = parseJID(control.host)
        self._turns = turns
        self._clients = Clients(turns, lambda user: not (allows(user) or store.knows(user)))
        self._greeting: Sweep[Element] = turns.sweep(self.send, ready=self._canSend)
        self._parting: Sweep[Element] = turns.sweep(self.send, self._goodbyeSaid, self._canSend, interval=0.0)
        self._farewell: Deferred[None] | None = None

    def serves(self, ours: JID) -> bool:
        """
        Is C{ours}, a bare address of our domain, the control address, or one that a translation rule matches?  The
        domain itself is served for Jingle clients.
        """
        if ours == self._gateway:
            return self._addGatewayCaps is not None
        return ours == self._control or bool(ours.user and self._translates("xmpp:" + ours.full()))

    @property
    def users(self) -> tuple[JID, ...]:
        """Those of whom a client is known, as bare addresses."""
        return self._clients.users

    @property
    def greeting(self) -> bool:
        """Are there users whose servers have not been asked yet how things stand, since the link is back?"""
        return self._greeting.running

    def resources(self, bare: JID) -> tuple[Resource, ...]:
        """The clients of a user, the best to call first."""
        return tuple(sorted(self._clients.of(bare), key=lambda resource: resource.rank))

    # What we send

    def probe(self, user: JID, asJID: JID | None = None) -> None:
        """Ask the user's server how things stand, in the name of the control address or of another one."""
        self.send(presenceStanza(user, asJID or self._control, "probe"))

    def show(self, to: JID, from_: JID, withCaps: bool) -> None:
        """
        Tell C{to} that C{from_} is there.

        @param withCaps: also what it can, to iChats what an iChat can; else nothing of that.
        """
        for stanza in self._stanzas(to, from_, withCaps):
            self.send(stanza)

    def showPhone(self, to: JID, from_: JID) -> None:
        """Tell C{to} that the full address C{from_} is a phone."""
        self.send(self._phoneStanza(to, from_))

    def goodbye(self) -> Deferred[None]:
        """
        Tell each known user that what it has subscribed to is going.  Comes before an orderly stop.

        @return: fires when all are told, or after L{GOODBYE_TIMEOUT}.
        """
        self._greeting.stop()
        if self.xmlstream is None:
            return succeed(None)
        told: Deferred[None] = Deferred()
        self._farewell = told
        timer = self._turns.callLater(GOODBYE_TIMEOUT, self._goodbyeSaid)
        told.addCallback(lambda _: timer.cancel() if timer.active() else None)
        self._parting.start(self._goodbyes())
        return told

    def _goodbyes(self) -> Iterator[Element]:
        for user in self._store.users():
            for ours in self._store.gatewayJIDs(user):
                yield from self._stanzas(user, ours, ours != self._control, "unavailable")

    def _goodbyeSaid(self) -> None:
        self._parting.stop()
        told, self._farewell = self._farewell, None
        if told is not None:
            told.callback(None)

    def _canSend(self) -> bool:
        """Does the server take in what we send?"""
        return self.xmlstream is not None and not self.xmlstream.congested

    def _stanzas(self, to: JID, from_: JID, withCaps: bool, kind: str | None = None) -> Iterator[Element]:
        """Presence of one of our addresses, to each kind of client its own."""
        if from_ == self._gateway and self._addGatewayCaps is not None:
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
            yield self._phoneStanza(to, _phone(from_), kind)
            return
        for one in known:
            if one.isIChat:
                yield presenceStanza(one.jid, from_, kind, True)
            else:
                yield self._phoneStanza(one.jid, _phone(from_), kind)

    def _phoneStanza(self, to: JID, from_: JID, kind: str | None = None) -> Element:
        stanza = presenceStanza(to, from_, kind)
        if kind is None and self._addCaps is not None:
            self._addCaps(stanza)
        return stanza

    def connectionInitialized(self) -> None:
        self.xmlstream.addObserver("/presence", self._received)
        self._greeting.start(self._greetings())

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        self._greeting.stop()
        self._goodbyeSaid()
        self._clients.clear()

    def _greetings(self) -> Iterator[Element]:
        for user in self._store.users():
            yield presenceStanza(user, self._control, "probe")
            for ours in self._store.gatewayJIDs(user):
                yield from self._stanzas(user, ours, ours != self._control)

    # What we receive

    def _received(self, stanza: Element) -> None:
        kind = stanza.getAttribute("type")
        try:
            user = sender(stanza)
            if kind is None:
                self._available(user, stanza)
            elif kind == "unavailable":
                self._unavailable(user)
            elif kind == "error":
                self._failed(user, stanza)
            elif kind == "unsubscribed" and bareJID(recipient(stanza)) == self._control:
                # So a server answers a probe for a user whom it does not have, or who does not let himself be seen
                # (RFC 6121 section 4.3.2).
                self._tell(lambda listener: listener.failed(bareJID(user), "item-not-found", None))
            elif kind == "probe":
                self._probed(user, bareJID(recipient(stanza)))
        except MalformedError as error:
            log.debug("Presence was dropped: {error}", error=error)

    def _available(self, jid: JID, stanza: Element) -> None:
        if not jid.resource:
            return  # a server or a service, not a client
        resource = _readResource(jid, stanza)
        hasRoom, before = self._clients.put(resource)
        if not hasRoom:
            log.debug("There is no room for the presence of {jid!r}", jid=jid.full()[:80])
            return
        if before is None or before.isIChat != resource.isIChat:
            self._introduce(resource)
        self._tell(lambda listener: listener.available(resource))

    def _introduce(self, resource: Resource) -> None:
        """A client of another kind than the user's others has come: what all were shown may not be for it."""
        bare = bareJID(resource.jid)
        if self._addCaps is not None and any(one.isIChat for one in self._clients.of(bare)):
            for ours in self._store.gatewayJIDs(bare):
                if ours != self._control:
                    self.show(resource.jid, ours, withCaps=True)

    def _unavailable(self, jid: JID) -> None:
        self._clients.remove(jid)
        self._tell(lambda listener: listener.unavailable(jid))

    def _failed(self, jid: JID, stanza: Element) -> None:
        condition, code = _readError(stanza)
        self._tell(lambda listener: listener.failed(jid, condition, code))

    def _tell(self, news: Callable[[IPresenceListener], None]) -> None:
        for listener in list(self.listeners):
            try:
                news(listener)
            except Exception:
                if self._failures.allow(None):
                    log.failure("A listener failed at presence")

    def _probed(self, user: JID, ours: JID) -> None:
        """Users who may not call hear the same of each address (RFC 6121 section 4.3.2)."""
        user = bareJID(user)
        if not self._allows(user):
            self.send(presenceStanza(user, ours, "unsubscribed"))
        elif self.serves(ours):
            self.show(user, ours, withCaps=ours != self._control)


def _phone(ours: JID) -> JID:
    """The full address under which phones are shown."""
    return parseJID(f"{ours.full()}/{PHONE_RESOURCE}")


def presenceStanza(to: JID, from_: JID, kind: str | None = None, caps: bool = False) -> Element:
    """Presence as the first gateway sent it: never a show or a status, always priority 0 where one belongs."""
    stanza = Element((None, "presence"))
    if kind is not None:
        stanza["type"] = kind
    stanza["to"], stanza["from"] = to.full(), from_.full()
    if kind in (None, "unavailable"):
        stanza.addElement("priority", content="0")
    if caps:
        child = stanza.addElement((NS_CAPS, "c"))
        child["node"], child["ver"] = ICHAT_NODE, CAPS_VERSION
        child["ext"] = " ".join(CAPS_EXTENSIONS)
    return stanza


def _readResource(jid: JID, stanza: Element) -> Resource:
    """What cannot be understood counts as not said."""
    caps = _readCaps(stanza)
    show = _textOf(stanza, "show")
    priority = _textOf(stanza, "priority")
    return Resource(
        jid=jid,
        show=show if show in SHOW_ORDER else "",
        priority=max(-128, min(127, int(priority))) if re.fullmatch("[+-]?[0-9]{1,3}", priority) else 0,
        node=caps.get("node", "")[:LONGEST_TEXT],
        ver=caps.get("ver", "")[:LONGEST_TEXT],
        ext=frozenset(caps.get("ext", "")[:LONGEST_TEXT].split()),
        hash=caps.get("hash", "")[:LONGEST_TEXT],
        caps2=_readCaps2(stanza)[:LONGEST_TEXT],
    )


def _readCaps(stanza: Element) -> dict[str, str]:
    """The attributes of the capabilities; an iChat's, if a server put others beside them."""
    found = [child.attributes for child in stanza.elements() if (child.uri, child.name) == (NS_CAPS, "c")]
    found.sort(key=lambda attributes: attributes.get("node") not in ICHAT_NODES)
    return found[0] if found else {}


def _readCaps2(stanza: Element) -> str:
    """The best of the hashes (XEP-0390)."""
    found = {
        one.getAttribute("algo"): str(one).strip()
        for child in stanza.elements()
        if (child.uri, child.name) == (NS_CAPS2, "c")
        for one in child.elements()
        if (one.uri, one.name) == (NS_HASHES, "hash")
    }
    best = next((algorithm for algorithm in SECOND_ALGORITHMS if found.get(algorithm)), None)
    return "" if best is None else f"{best}.{found[best]}"


def _textOf(stanza: Element, name: str) -> str:
    child = next((child for child in stanza.elements() if child.name == name), None)
    return "" if child is None else str(child).strip()


def _readError(stanza: Element) -> tuple[str, int | None]:
    error = next((child for child in stanza.elements() if child.name == "error"), None)
    if error is None:
        return "", None
    condition = next((c.name for c in error.elements() if c.uri == NS_XMPP_STANZAS and c.name != "text"), "")
    code = error.getAttribute("code") or ""
    return condition, int(code) if re.fullmatch("[0-9]{3}", code) else None
