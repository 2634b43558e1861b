# -*- test-case-name: ichatgw.test.sim.xmpp.test_router -*-
"""
A small XMPP server: components connect to it (XEP-0114), and the users of one domain live inside it.

It has no clients' port, no rosters on disk and no links to other servers: enough for tests and the demo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IReactorTCP
from twisted.words.protocols.jabber import component, error, xmlstream
from twisted.words.xish.domish import Element

from ichatgw.sim.moment import OneShot
from ichatgw.sim.xmpp import xml
from ichatgw.sim.xmpp.roster import Deliver, Login, Users

Stream = Any
"""An L{xmlstream.XmlStream}; half of its attributes are of no declared type."""

Tap = Callable[[Element, str, str], None]


class _Authenticator(component.ListenComponentAuthenticator):
    """Knows a secret for each domain."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        component.ListenComponentAuthenticator.__init__(self, "")
        self._secrets = secrets

    def onHandshake(self, handshake: str) -> None:
        stream: Stream = self.xmlstream
        secret = self._secrets.get(stream.thisEntity.host)
        expected = xmlstream.hashPassword(stream.sid, secret or "")
        if secret is None or not compare_digest(expected.encode(), handshake.encode()):
            stream.sendStreamError(error.StreamError("not-authorized"))
            return
        stream.send("<handshake/>")
        stream.dispatch(stream, xmlstream.STREAM_AUTHD_EVENT)


@define(eq=False)
class Router:
    """
    @ivar secrets: the secret of each component's domain.
    @ivar userDomain: the domain of the users inside.
    @ivar tap: sees each routed stanza, with the domains of sender and receiver.
    """

    reactor: IReactorTCP
    secrets: Mapping[str, str]
    userDomain: str = "chat.example"
    tap: Tap = lambda stanza, sender, receiver: None
    users: Users = field(init=False)
    _streams: dict[str, Stream] = field(factory=dict, init=False)
    _connected: list[Stream] = field(factory=list, init=False)
    _arrivals: dict[str, OneShot[str]] = field(factory=dict, init=False)
    _port: IListeningPort | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.users = Users(self.userDomain, self.route)

    def listen(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """
        Accept components.

        @return: the port.
        """
        self._port = self.reactor.listenTCP(port, self.factory(), interface=host)  # type: ignore[arg-type]
        return int(self._port.getHost().port)  # type: ignore[attr-defined]

    def factory(self) -> xmlstream.XmlStreamServerFactory:
        """What makes a stream of each connection."""
        factory = xmlstream.XmlStreamServerFactory(lambda: _Authenticator(self.secrets))
        factory.addBootstrap(xmlstream.STREAM_CONNECTED_EVENT, self._accepted)
        factory.addBootstrap(xmlstream.STREAM_AUTHD_EVENT, self._authenticated)
        return factory

    def close(self) -> Deferred[None]:
        """Stop listening and drop every component."""
        for stream in list(self._connected):
            self.drop(stream)
        port, self._port = self._port, None
        stopping = port.stopListening() if port is not None else None
        return stopping if stopping is not None else succeed(None)

    def attach(self, jid: str, deliver: Deliver) -> Login:
        """Log a user in, with a full JID of the user domain."""
        return self.users.login(jid, deliver)

    def whenConnected(self, domain: str) -> Deferred[str]:
        """Fires when the component is there."""
        return self._arrivals.setdefault(domain, OneShot()).when()

    def hasComponent(self, domain: str) -> bool:
        """Is the component there now?"""
        return domain in self._streams

    def disconnect(self, domain: str) -> None:
        """Cut a component off, as a server's restart does."""
        if domain in self._streams:
            self.drop(self._streams[domain])

    def drop(self, stream: Stream) -> None:
        """Close a connection at once."""
        if stream.transport is not None:
            stream.transport.abortConnection()

    def route(self, stanza: Element) -> None:
        """Send a stanza where its C{to} says, or an error back."""
        sender, to = xml.get(stanza, "from"), xml.get(stanza, "to")
        receiver = xml.domainOf(to)
        self.tap(stanza, xml.domainOf(sender), receiver)
        if receiver == self.userDomain:
            self.users.deliver(xml.copied(stanza, "jabber:client"))
        elif receiver in self._streams:
            self._streams[receiver].send(xml.copied(stanza, component.NS_COMPONENT_ACCEPT))
        elif xml.get(stanza, "type") not in ("error", "result", "unavailable"):
            self.route(xml.errorFor(stanza, "remote-server-not-found", code="404"))

    def _accepted(self, stream: Stream) -> None:
        self._connected.append(stream)
        stream.addObserver(xmlstream.STREAM_END_EVENT, self._lost, 0, stream)

    def _authenticated(self, stream: Stream) -> None:
        domain = stream.thisEntity.host
        stream.addObserver("/*", self._received, 0, stream, domain)
        self._streams[domain] = stream
        self._arrivals.setdefault(domain, OneShot()).come(domain)

    def _lost(self, stream: Stream, reason: object) -> None:
        self._connected.remove(stream)
        for domain in [domain for domain, known in self._streams.items() if known is stream]:
            del self._streams[domain]
            self._arrivals.pop(domain, None)

    def _received(self, stream: Stream, domain: str, stanza: Element) -> None:
        """A component may speak for its own domain only (RFC 6120 section 4.9.3.9)."""
        if stanza.name not in ("iq", "message", "presence"):
            return
        if xml.domainOf(xml.get(stanza, "from")) != domain or not xml.get(stanza, "to"):
            stream.sendStreamError(error.StreamError("invalid-from"))
            return
        self.route(stanza)
