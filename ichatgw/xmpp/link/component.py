# -*- test-case-name: ichatgw.test.xmpp.link.test_component,ichatgw.test.jingle.test_setup -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
The link to the XMPP server as an external component (XEP-0114): kept up for as long as the service runs.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, field, frozen
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from twisted.words.xish.xmlstream import BootstrapMixin
from wokkel.ping import PingHandler
from wokkel.subprotocols import StreamManager, XMPPHandler

from ichatgw.net.dns import Records
from ichatgw.net.names import endpointFor
from ichatgw.observe.events import LinkDown, LinkUp
from ichatgw.observe.stream import UNREAD
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.runtime.turns import Turns
from ichatgw.xmpp.link.stream import ComponentStream, MessageLog

log = Logger()

FIRST_DELAY = 0.5
MAX_DELAY = 5.0
CLOSE_TIMEOUT = 2.0


@define
class Backoff:
    """
    How long to wait before the next attempt: twice as long each time, at most L{MAX_DELAY}, and shortened by chance
    so that the components of a server do not all come back at the same moment.

    @ivar random: gives a number from 0 to 1.
    """

    random: Callable[[], float]
    _delay: float = FIRST_DELAY

    def next(self) -> float:
        delay, self._delay = self._delay, min(2 * self._delay, MAX_DELAY)
        return delay * (0.5 + 0.5 * self.random())

    def reset(self) -> None:
        self._delay = FIRST_DELAY


class StreamFactory(BootstrapMixin, Factory):
    """Makes a fresh stream for each connection."""

    noisy = False

    def __init__(self, makeStream: Callable[[], ComponentStream]) -> None:
        BootstrapMixin.__init__(self)
        self._makeStream = makeStream

    def buildProtocol(self, addr: IAddress | None) -> ComponentStream:
        stream = self._makeStream()
        self.installBootstraps(stream)
        return stream


@frozen
class Account:
    """
    What we are at the XMPP server (XEP-0114).

    @ivar host: where the server is.
    @ivar name: the component's name.
    @ivar secret: its password.
    """

    host: str
    port: int
    name: str
    secret: str = field(repr=False)


class Link(StreamManager, Service):
    """
    Keeps a stream to the server, and shares it out to the handlers.

    A handler is told of each stream by C{makeConnection} (too early to send), C{connectionInitialized} (now send and
    observe C{self.xmlstream}) and C{connectionLost}.  A lost link ends nothing but the link: a handler that has calls
    keeps them.  What is sent while there is no link is dropped, since it would be stale when the link is back.

    When the link fails, the next attempt comes after at most L{MAX_DELAY} seconds, however long it lasts, and the
    same trouble is logged once a minute.

    @ivar events: told when it comes and goes, and of each stanza; set before the service starts.
    @ivar component: the name, as the server knows us.
    @ivar secret: the password, for the next stream; the one that there is stays.
    @ivar wasUp: it has been up since the start.
    """

    xmlstream: Any
    secret: str
    _iqDeferreds: dict[str, Deferred[Element]]

    def __init__(
        self,
        reactor: Any,
        turns: Turns,
        account: Account,
        pingInterval: float = 60.0,
        random: Callable[[], float] = random.random,
        allows: Callable[[JID], bool] = lambda user: True,
        records: Records | None = None,
    ) -> None:
        """
        @param pingInterval: seconds.
        @param random: gives a number from 0 to 1.
        @param allows: may this user call?  The stanzas of others wait in a line of their own.
        @param records: look up where the server is; by default they ask the system's name servers.
        """
        self._clock: IReactorTime = turns
        self._endpoint = endpointFor(reactor, records or Records(reactor), account.host, account.port)
        self._where = f"{account.host}:{account.port}"
        self.component = account.name.lower()
        self.secret = account.secret
        self._backoff = Backoff(random)
        self._complaints = RateLimit(turns, 1 / 60, 1, mostSources=32)
        self.wasUp = False
        self._troubled = False
        self._why = "it has not answered yet"
        self._attempts: Deferred[None] | None = None
        self._messageLog: MessageLog | None = None
        self.events = UNREAD
        super().__init__(
            StreamFactory(
                lambda: ComponentStream(
                    turns, self.component, self.secret, pingInterval, allows, self._messageLog, self.events
                )
            ),
            turns,
        )
        self.addHandler(PingHandler())

    @property
    def connected(self) -> bool:
        """Can stanzas be sent now?"""
        return bool(self._initialized)

    @property
    def trouble(self) -> str:
        """Why stanzas cannot be sent now, in words; empty if they can."""
        return "" if self._initialized else self._why

    def logMessages(self, sink: MessageLog | None) -> None:
        """Show each stanza to C{sink} from now on; C{None} ends that."""
        self._messageLog = sink
        if self.xmlstream is not None:
            self.xmlstream.messageLog = sink

    def startService(self) -> None:
        super().startService()
        self.revive()

    @property
    def missing(self) -> str:
        """
        See L{ichatgw.runtime.watch.Vital}: a link that is down is not missing, but one that is not tried any more is.
        """
        isOver = self._attempts is not None and self._attempts.called
        return f"the link to the XMPP server {self._where} is not tried any more" if self.running and isOver else ""

    def revive(self) -> None:
        """See L{ichatgw.runtime.watch.Vital}."""
        self._attempts = Deferred.fromCoroutine(self._keepUp())
        self._attempts.addErrback(lambda failure: log.failure("The link to the XMPP server has failed", failure))

    def stopService(self) -> Deferred[None]:
        """Close the stream in good order.  Fires when it is closed, after at most L{CLOSE_TIMEOUT} seconds."""
        super().stopService()
        attempts = self._attempts
        if attempts is None:
            return succeed(None)
        stopped: Deferred[None] = Deferred()
        attempts.addBoth(lambda _: stopped.callback(None))
        if self.xmlstream is not None:
            self.xmlstream.close(CLOSE_TIMEOUT)
        else:
            attempts.cancel()
        return stopped

    async def _keepUp(self) -> None:
        """Connect, stay until the stream is lost, wait, and again, until the service stops."""
        while self.running:
            try:
                stream: Any = await self._endpoint.connect(self.factory)
                await stream.ready
                self._cameUp()
                why = await stream.lost
            except Exception as error:
                why = str(error) or type(error).__name__
            if self.running:
                self._complain(why)
                try:
                    await deferLater(self._clock, self._backoff.next())
                except CancelledError:
                    return

    def _cameUp(self) -> None:
        self.wasUp = True
        self._backoff.reset()
        if self.events.isOn(LinkUp):
            self.events.publish(LinkUp(*self.events.now(), self._where, self.component))
        if self._troubled or self._complaints.allow(""):
            log.info("The link to the XMPP server {where} is up as {name}", where=self._where, name=self.component)
        self._troubled = False

    def _complain(self, why: str) -> None:
        why = why.rstrip(".")
        if "not-authorized" in why:
            why += ": it refuses the password (JabberComponentPassword)"
        elif "host-unknown" in why:
            why += (
                ": it has no such component (JabberComponentName), or the port is that of clients (JabberComponentPort)"
            )
        elif "conflict" in why:
            why += ": another program is connected under this name"
        self._why = why[:300]
        if self.events.isOn(LinkDown):
            self.events.publish(LinkDown(*self.events.now(), self._where, self._why))
        if self._complaints.allow(why):
            self._troubled = True
            log.error(
                "No link to the XMPP server {where} as {name}: {why}; trying again, which is said once a minute",
                where=self._where,
                name=self.component,
                why=self._why,
            )

    def addHandler(self, handler: XMPPHandler) -> None:
        """Add a handler, and make this the link it sends through."""
        handler.parent = self
        super().addHandler(handler)

    def send(self, obj: Element) -> None:
        """Send a stanza, or drop it if there is no link."""
        if self._initialized:
            self.xmlstream.send(obj)
        else:
            log.debug("There is no link, so a stanza was dropped: {name!r}", name=obj.name)

    def _authd(self, xs: ComponentStream) -> None:
        """As the base class does, but what a handler raises stays its own affair."""
        xs.addObserver('/iq[@type="result"]', self._onIQResponse)
        xs.addObserver('/iq[@type="error"]', self._onIQResponse)
        self._initialized = True
        for handler in list(self):
            self._tell(handler, handler.connectionInitialized)

    def _disconnected(self, reason: Failure) -> None:
        """As the base class does, too, when the link is lost."""
        self.xmlstream = None
        self._initialized = False
        for handler in list(self):
            self._tell(handler, handler.connectionLost, reason)
        waiting, self._iqDeferreds = self._iqDeferreds, {}
        for answer in waiting.values():
            answer.errback(reason)

    def _tell(self, handler: XMPPHandler, news: Callable[..., object], *args: object) -> None:
        try:
            news(*args)
        except Exception:
            log.failure("{handler} failed at {news}", handler=type(handler).__name__, news=news.__name__)
