# -*- test-case-name: ichatgw.test.xmpp.presence.test_registrations -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Which users SIP can find: those who are subscribed and have a client that takes calls, and those who stay registered
while they are offline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Protocol

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.jid import JID
from wokkel.subprotocols import XMPPHandler
from zope.interface import implementer

from ichatgw.errors import NoRoute
from ichatgw.runtime.turns import Sweep, Turns
from ichatgw.xmpp.presence.presence import IPresenceListener, Presence, Resource
from ichatgw.xmpp.presence.staying import Staying
from ichatgw.xmpp.presence.store import ISubscriptionStore
from ichatgw.xmpp.stanzas import bareJID

GRACE = 60.0
"""Seconds that users have for answering our probes when the link is back; till then they count as they did before."""

log = Logger()


class Registrations(Protocol):
    """Who makes users known to SIP; see L{ichatgw.sip.register.schedule.Registrations}."""

    def add(self, user: str, aor: str) -> None:
        """The user is there."""

    def remove(self, user: str) -> None:
        """The user is not online any more."""


@implementer(IPresenceListener)
class PresenceRegistrations(XMPPHandler):
    """
    Keeps the registrations in step with presence.

    While the link is down users stay registered, and for L{GRACE} after their servers have been asked how things stand.
    Until then those who were registered before are taken off only if their server says that they are offline, or if
    they may not be registered any more: one client that takes no calls may be seen before another one that does.

    @ivar staying: those who stay registered while they are offline; no users if not given.
    @param takesCalls: does this client take calls?
    @param allows: is this a user whom we serve?  Strangers are not registered: the registrar of a user may call.
    """

    staying: Staying

    def __init__(
        self,
        turns: Turns,
        presence: Presence,
        store: ISubscriptionStore,
        translate: Callable[[str], str],
        registrations: Registrations,
        takesCalls: Callable[[Resource], bool],
        allows: Callable[[JID], bool],
    ) -> None:
        super().__init__()
        self._turns = turns
        self._presence = presence
        self._store = store
        self._translate = translate
        self._registrations = registrations
        self.staying = Staying(store)
        self._takesCalls = takesCalls
        self._allows = allows
        self._settling: IDelayedCall | None = None
        self._registered: dict[JID, None] = {}
        self._unsettled: set[JID] = set()
        self._reconsidering: Sweep[JID] = turns.sweep(self.changed)
        self._taking: Sweep[JID] = turns.sweep(self.changed)

    def connectionInitialized(self) -> None:
        self._reconsidering.start(self.staying.users())
        self._settling = self._turns.callLater(GRACE, self._settle)

    def connectionLost(self, reason: Failure) -> None:
        """Presence tells nothing for now."""
        super().connectionLost(reason)
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        self._reconsidering.stop()
        self._taking.stop()
        self._unsettled = set(self._registered)

    def reconsider(self) -> None:
        """The rules, or the users that we serve, have changed: look at all users again, some at a time."""
        self._reconsidering.start(chain(self._presence.users, tuple(self._registered), self.staying.users()))

    def available(self, resource: Resource) -> None:
        """See L{IPresenceListener}."""
        self.changed(bareJID(resource.jid))

    def unavailable(self, jid: JID) -> None:
        """See L{IPresenceListener}."""
        if not jid.resource:
            self._unsettled.discard(jid)
        self.changed(bareJID(jid))

    def failed(self, jid: JID, condition: str, code: int | None) -> None:
        """See L{IPresenceListener}.  Who has gone says so otherwise."""

    def changed(self, user: JID) -> None:
        """Presence or subscription of C{user}, a bare address, is not what it was."""
        name = user.full()
        isThere = self._isThere(user) and self._store.knows(user)
        if self._allows(user) and (isThere or self.staying(user)):
            aor = self._address(name)
            if aor is not None:
                self._registered[user] = None
                self._registrations.add(name, aor)
                return
        self._registered.pop(user, None)
        self._unsettled.discard(user)
        self._registrations.remove(name)

    def _isThere(self, user: JID) -> bool:
        """Has the user a client that takes calls, or had, and it is not known yet what has become of it?"""
        if any(self._takesCalls(each) for each in self._presence.resources(user)):
            self._unsettled.discard(user)
            return True
        return user in self._unsettled

    def _address(self, name: str) -> str | None:
        try:
            address = self._translate("xmpp:" + name)
        except NoRoute:
            log.debug("{user!r} is not registered: no translation rule matches", user=name[:80])
            return None
        return address if address.startswith(("sip:", "sips:")) and "@" in address else None

    def _settle(self) -> None:
        """All have had their time.  Those who are not there any more are taken off, some at a time."""
        self._settling = None
        if self._presence.greeting:
            self._settling = self._turns.callLater(GRACE, self._settle)
        else:
            self._taking.start(self._toSettle())

    def _toSettle(self) -> Iterator[JID]:
        while self._unsettled:
            yield self._unsettled.pop()
