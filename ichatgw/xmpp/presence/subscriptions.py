# -*- test-case-name: ichatgw.test.xmpp.presence.test_subscriptions -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Subscriptions (RFC 6121 section 3): a user adds the control address, or a phone as a contact, to the buddy list.
"""

from __future__ import annotations

from collections.abc import Callable

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler

from ichatgw.errors import MalformedError
from ichatgw.runtime.ratelimit import Complaints, RateLimit
from ichatgw.xmpp.presence.access import NO_GUEST
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.presence.stanzas import presenceStanza
from ichatgw.xmpp.presence.store import ISubscriptionStore
from ichatgw.xmpp.stanzas import bareJID, recipient, sender

MAX_ASKED = 20_000
"""How many users the limit on requests to each remembers; if more subscribe in a minute, some are asked later."""

log = Logger()


class Subscriptions(XMPPHandler):
    """
    Accepts users who may call, if they subscribe to the control address or to one that a translation rule matches.

    Others are refused, whatever they subscribe to, so that they do not learn for which numbers there are rules; nothing
    is kept of them.

    Each time one is accepted the control address subscribes to the user in return, as it must see the user's presence.
    That is limited for each user, or two gateways that subscribe to each other would never come to rest.

    Answers go out when the store has written what they acknowledge, in the order of the requests.
    """

    def __init__(
        self,
        clock: IReactorTime,
        control: JID,
        store: ISubscriptionStore,
        presence: Presence,
        allows: Callable[[JID], bool],
        changed: Callable[[JID], None] = lambda user: None,
    ) -> None:
        """
        @param control: the control address, bare.
        @param presence: knows which addresses are served.
        @param allows: may this user, a bare address, call?
        @param changed: is told of users who have subscribed to something, or no more.
        """
        super().__init__()
        self._control = control
        self._store = store
        self._presence = presence
        self._allows = allows
        self._changed = changed
        self._requests = RateLimit(clock, 0.5, 30, MAX_ASKED)
        self._refusals = Complaints(clock)
        self._news = Complaints(clock)

    def connectionInitialized(self) -> None:
        for kind, observer in (
            ("subscribe", self._subscribe),
            ("unsubscribe", self._unsubscribe),
            ("subscribed", self._answered),
            ("unsubscribed", self._answered),
        ):
            self.xmlstream.addObserver(f'/presence[@type="{kind}"]', self._reader(observer))

    def _reader(self, observer: Callable[[JID, JID, str], None]) -> Callable[[Element], None]:
        def read(stanza: Element) -> None:
            try:
                user, ours = bareJID(sender(stanza)), bareJID(recipient(stanza))
            except MalformedError as error:
                log.debug("A subscription was dropped: {error}", error=error)
            else:
                observer(user, ours, stanza["type"])

        return read

    def _subscribe(self, user: JID, ours: JID, kind: str) -> None:
        if not self._allows(user):
            self._complain(user.host, "{user!r} may not subscribe: {why}", user, why=NO_GUEST)
            self._send("unsubscribed", user, ours)
        elif self._accepts(user, ours):
            self._whenWritten(self._welcome, user, ours)
        else:
            self._whenWritten(self._send, "unsubscribed", user, ours)

    def _complain(self, source: str, line: str, user: JID, **words: str) -> None:
        if self._refusals.allow(source):
            log.info(line, user=user.full()[:80], **words)

    def _welcome(self, user: JID, ours: JID) -> None:
        self._send("subscribed", user, ours)
        self._presence.show(user, ours, withCaps=ours != self._control)
        if self._requests.allow(user.full()):
            self._send("subscribe", user, self._control)

    def _accepts(self, user: JID, ours: JID) -> bool:
        if not self._presence.serves(ours):
            line = "{user!r} may not subscribe to {ours!r}: no translation rule matches"
            self._complain(user.full(), line, user, ours=ours.full()[:80])
            return False
        if not self._store.add(user, ours):
            self._complain(user.full(), "There is no room for the subscription of {user!r}", user)
            return False
        self._tell("{user!r} has subscribed to {ours!r}", user, ours)
        self._changed(user)
        return True

    def _unsubscribe(self, user: JID, ours: JID, kind: str) -> None:
        if self._store.remove(user, ours):
            self._changed(user)
            self._tell("{user!r} has unsubscribed from {ours!r}", user, ours)
        self._whenWritten(self._send, "unsubscribed", user, ours)

    def _tell(self, line: str, user: JID, ours: JID) -> None:
        if self._news.allow(user.full()):
            log.info(line, user=user.full()[:80], ours=ours.full()[:80])

    def _answered(self, user: JID, ours: JID, kind: str) -> None:
        log.debug("{user!r} answers {kind!r} to {ours!r}", user=user.full()[:80], kind=kind, ours=ours.full()[:80])

    def _whenWritten(self, answer: Callable[..., None], *arguments: object) -> None:
        """Refusals too, though they change nothing: they may not overtake the answer to an earlier request."""
        written = self._store.written()
        written.addCallback(lambda _: answer(*arguments))
        written.addErrback(lambda failure: log.failure("A request to subscribe was not answered", failure))

    def _send(self, kind: str, to: JID, from_: JID) -> None:
        self.send(presenceStanza(to, from_, kind))
