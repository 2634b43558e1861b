# -*- test-case-name: ichatgw.test.sim.xmpp.test_scram -*-
"""
The way to a real XMPP server: one client connection (RFC 6120).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.words.protocols.jabber import client, sasl, sasl_mechanisms, xmlstream
from twisted.words.protocols.jabber.error import StreamError
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.sim.moment import OneShot
from ichatgw.sim.xmpp import xml
from ichatgw.sim.xmpp.scram import Scram

SCRAMS = ("SCRAM-SHA-256", "SCRAM-SHA-1")


@frozen
class Security:
    """
    @ivar tls: C{require} it, C{try} it, or leave it C{off}.
    @ivar trust: a file with the authority's certificate; empty for those of the system.
    @ivar insecure: take any certificate.
    """

    tls: str = "require"
    trust: str = ""
    insecure: bool = False

    def options(self, domain: str) -> object:
        """What Twisted wants for C{startTLS}."""
        if self.insecure:
            return ssl.CertificateOptions(verify=False)
        if not self.trust:
            return ssl.optionsForClientTLS(domain)
        with open(self.trust, "rb") as file:
            return ssl.optionsForClientTLS(domain, ssl.Certificate.loadPEM(file.read()))


def causeOf(reason: Failure, security: Security) -> str:
    """
    Why there is no login or no connection, in words for people, and what can be done if it is ours to do.

    @param security: what was asked of the server.
    """
    error: Any = reason.value
    if isinstance(error, SSL.Error):
        return _ofTLS(error, security)
    if isinstance(error, sasl.SASLAuthError):
        condition = getattr(error, "condition", None)
        return f"the server refuses the login ({condition}): is the password right?" if condition else _IMPOSTOR
    if isinstance(error, StreamError):
        return f"the server says {error.condition}" + (f": {error.text}" if error.text else "")
    known = next((words for kind, words in _CAUSES.items() if isinstance(error, kind)), "")
    return known or reason.getErrorMessage() or type(error).__name__


_IMPOSTOR = "the server does not know the password itself, and may be another one"
_CAUSES: dict[type[Exception], str] = {
    VerificationError: "the server's certificate is for another domain than that of the address; --insecure takes any",
    xmlstream.FeatureNotAdvertized: "the server does not offer what is needed; if that is TLS, --tls off does without,"
    " where the server lets",
    xmlstream.TLSRequired: "the server demands TLS, without --tls off",
    ConnectionDone: "the server closed the connection; its log says why",
}


def _ofTLS(error: SSL.Error, security: Security) -> str:
    said = ", ".join(words[-1] for words in (error.args[0] if error.args else ()) if words[-1]) or "it failed"
    if "verify failed" not in said:
        return f"TLS: {said}"
    whose = f"that in {security.trust}" if security.trust else "those that this system trusts"
    return (
        f"the server's certificate comes from another authority than {whose} ({said}): name the file with the right one"
        " by --ca, or take any certificate by --insecure"
    )


class _Login(sasl.SASLInitiatingInitializer):
    """Prefers SCRAM, and gives the password itself only to whom it may be given."""

    plain = False
    mechanism: Any
    _deferred: Any

    def setMechanism(self) -> None:
        stream: Any = self.xmlstream
        offered = sasl.get_mechanisms(stream)
        user, password = stream.authenticator.jid.user, stream.authenticator.password
        for name in SCRAMS:
            if name in offered:
                self.mechanism = Scram(name, user, password)
                return
        if "PLAIN" not in offered or not self.plain:
            raise sasl.SASLNoAcceptableMechanism(f"the server offers {', '.join(sorted(offered)) or 'nothing'}")
        self.mechanism = sasl_mechanisms.Plain(None, user, password)

    def onChallenge(self, element: Element) -> None:
        try:
            sasl.SASLInitiatingInitializer.onChallenge(self, element)
        except MalformedError:
            self._deferred.errback()

    def onSuccess(self, success: Element) -> None:
        try:
            if isinstance(self.mechanism, Scram) and str(success):
                self.mechanism.verify(sasl.fromBase64(str(success)))
        except (MalformedError, sasl.SASLIncorrectEncodingError):
            self._deferred.errback()
        else:
            sasl.SASLInitiatingInitializer.onSuccess(self, success)


class _Authenticator(client.XMPPAuthenticator):
    """Encryption, login and resource, as the user wants them."""

    def __init__(self, jid: JID, password: str, security: Security) -> None:
        client.XMPPAuthenticator.__init__(self, jid, password)
        self._security = security

    def associateWithStream(self, xs: Any) -> None:
        xmlstream.ConnectAuthenticator.associateWithStream(self, xs)
        security = self._security
        required = security.tls == "require"
        encryption = xmlstream.TLSInitiatingInitializer(xs, required, security.options(self.jid.host))
        encryption.wanted = security.tls != "off"
        login: Any = _Login(xs)  # type: ignore[no-untyped-call]
        login.required = True
        login.plain = security.tls != "try"
        binding = client.BindInitializer(xs)
        binding.required = True
        xs.initializers = [client.CheckVersionInitializer(xs), encryption, login, binding]


@define(eq=False)
class Client:
    """
    @ivar host: the server, C{port} its port for clients.
    @ivar received: takes what the server sends.
    """

    reactor: Any
    jid: str
    password: str = field(repr=False)
    host: str
    port: int
    received: Callable[[Element], None]
    security: Security = field(factory=Security)
    _stream: Any = field(default=None, init=False)
    _online: OneShot[str] = field(factory=OneShot, init=False)
    _lost: OneShot[str] = field(factory=OneShot, init=False)
    _why: str = field(default="", init=False)

    def connect(self) -> Deferred[str]:
        """Fires with the full JID that the server gave; fails if there is no login."""
        stream: Any = xmlstream.XmlStream(_Authenticator(JID(self.jid), self.password, self.security))
        stream.addObserver(xmlstream.STREAM_AUTHD_EVENT, self._authenticated)
        stream.addObserver(xmlstream.INIT_FAILED_EVENT, self._refused)
        stream.addObserver(xmlstream.STREAM_ERROR_EVENT, self._failed)
        stream.addObserver(xmlstream.STREAM_END_EVENT, self._ended)
        factory = Factory.forProtocol(lambda: stream)
        HostnameEndpoint(self.reactor, self.host, self.port).connect(factory).addErrback(self._refused)
        return self._online.when()

    def whenLost(self) -> Deferred[str]:
        """Fires when the connection has ended."""
        return self._lost.when()

    @property
    def localHost(self) -> str:
        """Our address on the way to the server."""
        return str(self._stream.transport.getHost().host)

    def send(self, stanza: Element) -> None:
        """Give the server a stanza."""
        if self._stream is not None:
            self._stream.send(xml.copied(stanza, "jabber:client"))

    def close(self) -> None:
        """End the stream."""
        if self._stream is not None:
            self._stream.sendFooter()
            self._stream.transport.loseConnection()

    def _authenticated(self, stream: Any) -> None:
        self._stream = stream
        stream.addObserver("/*", self.received)
        self._online.come(stream.authenticator.jid.full())

    def _refused(self, reason: Failure) -> None:
        self._online.miss(f"no login at {self.host}:{self.port}: {causeOf(reason, self.security)}")
        self._lost.come("no login")

    def _failed(self, reason: Failure) -> None:
        """The stream is about to end, by an error that is more than that."""
        self._why = causeOf(reason, self.security)

    def _ended(self, reason: Failure) -> None:
        self._stream = None
        why = self._why or causeOf(reason, self.security)
        self._online.miss(f"no login at {self.host}:{self.port}: {why}")
        self._lost.come(f"the connection to the server is lost: {why}")
