# -*- test-case-name: ichatgw.test.xmpp.presence.test_presence,ichatgw.test.xmpp.presence.test_showing,ichatgw.test.config.test_reload -*-  # noqa: E501
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Presence (RFC 6121 section 4): which clients users have, and what is sent of our addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler
from zope.interface import Interface

from ichatgw.errors import MalformedError
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.ratelimit import FAILURES, RateLimit
from ichatgw.runtime.turns import Sweep, Turns
from ichatgw.xmpp.clients import Clients, Resource
from ichatgw.xmpp.presence.speeddials import SpeedDials
from ichatgw.xmpp.presence.stanzas import presenceStanza, readError, readResource
from ichatgw.xmpp.presence.store import ISubscriptionStore
from ichatgw.xmpp.stanzas import bareJID, parseJID, recipient, sender

__all__ = ["IPresenceListener", "Presence", "Resource"]

log = Logger()

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

    The table is emptied without a report when the link is lost: once it is back, all known users are probed anew.
    Those who have subscribed to nothing and may not call are kept up to a number, resources of one user likewise.

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
        self._allows = allows
        self._failures = RateLimit(turns, *FAILURES, mostSources=1)
        self._turns = turns
        self._clients = Clients(turns, lambda user: not (allows(user) or store.knows(user)))
        self._shown = SpeedDials(control, parseJID(control.host), store, self._clients, addCaps, addGatewayCaps)
        self._greeting: Sweep[Element] = turns.sweep(self.send, ready=self._canSend)
        self._parting: Sweep[Element] = turns.sweep(self.send, self._goodbyeSaid, self._canSend, interval=0.0)
        self._farewell: Deferred[None] | None = None

    def serves(self, ours: JID) -> bool:
        """
        Is C{ours}, a bare address of our domain, the control address, or one that a translation rule matches?  The
        domain itself is served for Jingle clients.
        """
        if ours == self._shown.gateway:
            return self._shown.showsGateway
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
        for stanza in self._shown.stanzas(to, from_, withCaps):
            self.send(stanza)

    def showPhone(self, to: JID, from_: JID) -> None:
        """Tell C{to} that the full address C{from_} is a phone."""
        self.send(self._shown.phone(to, from_))

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
        told.addCallback(lambda _: cancel(timer))
        self._parting.start(self._goodbyes())
        return told

    def _goodbyes(self) -> Iterator[Element]:
        for user in self._store.users():
            yield from self._shown.of(user, "unavailable")

    def _goodbyeSaid(self) -> None:
        self._parting.stop()
        told, self._farewell = self._farewell, None
        if told is not None:
            told.callback(None)

    def _canSend(self) -> bool:
        """Does the server take in what we send?"""
        return self.xmlstream is not None and not self.xmlstream.congested

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
            yield from self._shown.of(user)

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
        resource = readResource(jid, stanza)
        hasRoom, before = self._clients.put(resource)
        if not hasRoom:
            log.debug("There is no room for the presence of {jid!r}", jid=jid.full()[:80])
            return
        if before is None or before.isIChat != resource.isIChat:
            for shown in self._shown.forNew(resource.jid):
                self.send(shown)
        self._tell(lambda listener: listener.available(resource))

    def _unavailable(self, jid: JID) -> None:
        self._clients.remove(jid)
        self._tell(lambda listener: listener.unavailable(jid))

    def _failed(self, jid: JID, stanza: Element) -> None:
        condition, code = readError(stanza)
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
