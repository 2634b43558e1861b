# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Logs a simulated client in at an XMPP server, without TLS.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.words.protocols.jabber import client, sasl, xmlstream
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.sim.ichat.ichat import Link
from ichatgw.sim.xmpp import xml
from ichatgw.test.e2e.support.moment import within


class _Authenticator(xmlstream.ConnectAuthenticator):
    """As the one for clients, but content with a server that has no TLS."""

    namespace = "jabber:client"

    def __init__(self, jid: JID, password: str) -> None:
        super().__init__(jid.host)
        self.jid = jid
        self.password = password

    def associateWithStream(self, xs: Any) -> None:
        super().associateWithStream(xs)
        xs.initializers = [client.CheckVersionInitializer(xs)]
        for initializer, required in (
            (sasl.SASLInitiatingInitializer, True),
            (client.BindInitializer, True),
            (client.SessionInitializer, False),
        ):
            made = initializer(xs)
            made.required = required
            xs.initializers.append(made)


class Simulated(Protocol):
    """An iChat, or a Jingle client."""

    jid: str

    def received(self, stanza: Element) -> None:
        """A stanza has come."""

    def connected(self, link: Link, jid: str = "") -> None:
        """It is logged in."""


class Login:
    """
    The link between one client and its server.

    @ivar messages: those that came.
    """

    def __init__(self, client: Simulated) -> None:
        self.messages: list[Element] = []
        self._client = client
        self._stream: Any = None

    async def start(self, reactor: Any, port: int, password: str) -> None:
        """Fires when the client is online."""
        jid = JID(self._client.jid)
        factory = xmlstream.XmlStreamFactory(_Authenticator(jid, password))
        online: Deferred[None] = Deferred()
        factory.addBootstrap(xmlstream.STREAM_AUTHD_EVENT, lambda stream: online.callback(None))
        factory.addBootstrap(xmlstream.INIT_FAILED_EVENT, online.errback)
        self._stream = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
        await within(reactor, 10, online)
        for name in ("iq", "presence", "message"):
            self._stream.addObserver(f"/{name}", self._client.received)
        self._stream.addObserver("/message", self.messages.append)
        self._stream.addObserver(xmlstream.STREAM_END_EVENT, self._ended)
        self._fetchRoster()
        self._client.connected(self, self._stream.authenticator.jid.full())

    def send(self, stanza: Element) -> None:
        if self._stream is not None:
            self._stream.send(stanza)

    def stop(self) -> None:
        """Log out by closing the connection."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.transport.abortConnection()

    def _fetchRoster(self) -> None:
        """Become interested: only who has asked for the roster is told about subscriptions (RFC 6121 section 2.2)."""
        iq = xml.element("iq", "jabber:client", type="get", id="roster")
        xml.add(iq, "query", "jabber:iq:roster")
        self.send(iq)

    def _ended(self, reason: object) -> None:
        self._stream = None
