# -*- test-case-name: ichatgw.test.sip.transport.test_tls,ichatgw.test.sip.transport.test_tlsidentity,ichatgw.test.sip.transport.test_streams -*-  # noqa: E501
"""
TLS for SIP (RFC 3261 section 26.2, RFC 5922): contexts by pyOpenSSL, identities by service_identity.

A server that we call must prove by a certificate that it is the domain called; one who calls us, only if the
administrator wants that.  Files are read at the start and at a reload, and never by a handshake; connections that there
are stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, cast

from attrs import define, field, frozen
from cryptography import x509
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity.exceptions import CertificateError, VerificationError
from service_identity.hazmat import (
    DNS_ID,
    URI_ID,
    DNSPattern,
    IPAddress_ID,
    IPAddressPattern,
    URIPattern,
    verify_service_identity,
)
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IReactorTime,
)
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from zope.interface import implementer

from ichatgw.errors import ConfigError, NeedsRestart
from ichatgw.net.authorities import ofSystem, trust, trustSystem
from ichatgw.runtime.steps import Steps, atOnce
from ichatgw.sip.transport.connection import Connection

_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:DHE+AES:AES128-SHA:AES256-SHA:!aNULL:!eNULL:!MD5:!PSK"
"""The last two are for desk phones that have nothing better."""

_VERIFY = {
    "none": SSL.VERIFY_NONE,
    "optional": SSL.VERIFY_PEER,
    "require": SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
}

_FAULTS = {
    7: "its signature is wrong",
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "it comes from an unknown authority",
    20: "it comes from an unknown authority",
    21: "it comes from an unknown authority",
    23: "it has been revoked",
    24: "an authority in its chain is none",
    26: "it is not meant for this",
}
"""What OpenSSL's verification (its X509_V_ERR_ numbers) finds most often."""

_DOMAIN = re.compile(r"sip:([^@:;?/]*)(?:[:;?/][^@]*)?", re.IGNORECASE).fullmatch
"""A SIP URI without a user: one with a user names a person, not a domain (RFC 5922 section 7.1)."""

_log = Logger()


@frozen
class Files:
    """
    Where everything is; empty for nothing.

    @ivar certificate: ours, with those of the authorities between it and the root.
    @ivar key: its key; if empty it stands in the same file.
    @ivar authorities: file with the certificates of the authorities that we trust; with C{directory} empty too, those
        of the system.
    @ivar clients: C{require}, C{optional} or C{none}: must those who connect to us show a certificate?
    @ivar addresses: does a certificate prove an IP address?
    @ivar domain: the one that our certificate has to be for, if that is known.
    """

    certificate: str = ""
    key: str = ""
    passPhrase: str = field(default="", repr=False)
    parameters: str = ""
    authorities: str = ""
    directory: str = ""
    clients: str = "none"
    addresses: bool = False
    domain: str = ""


@define(eq=False)
class Security:
    """
    @ivar files: where the certificates are.
    @raise ConfigError: if one cannot be used; the text names it.
    """

    files: Files
    _content: bytes = field(init=False, repr=False)
    _client: SSL.Context = field(init=False, repr=False)
    _server: SSL.Context | None = field(init=False, repr=False)
    _end: datetime | None = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._client, self._server, self._content = atOnce(_contexts(self.files))
        self._end = _endOf(self.files)

    @property
    def canServe(self) -> bool:
        """Do we have a certificate?"""
        return self._server is not None

    @property
    def expiry(self) -> tuple[str, datetime] | None:
        """The file of our certificate, and when it ends; C{None} if there is none."""
        return None if self._end is None else (self.files.certificate, self._end)

    def prepare(self, files: Files) -> Steps[Callable[[], str | None]]:
        """
        Read the files anew, in steps.

        @return: something that puts them in force when it is called, and says what is not as it was.
        @raise ConfigError: if one cannot be used; then all stays as it was.
        @raise NeedsRestart: if there was no certificate before: no socket listens for TLS.
        """
        client, server, content = yield from _contexts(files)
        end = _endOf(files)
        if server is not None and self._server is None:
            raise NeedsRestart(f"TLSCertificate {files.certificate}: the first one needs a restart")

        def use() -> str | None:
            changed = content != self._content
            self.files, self._client, self._server, self._content, self._end = files, client, server, content, end
            return "the certificates in its files" if changed else None

        return use

    def wrap(self, factory: Factory, name: str | None, clock: IReactorTime) -> Factory:
        """
        Put TLS below a factory's connections.

        @param name: the domain that is called; C{None} for a server.
        """
        creator = _Creator(self, name)
        wrapped: Any = _Wrapping(creator, name is not None, factory, clock)
        return cast(Factory, wrapped)

    def connection(self, name: str | None, protocol: object) -> SSL.Connection:
        """A connection as it has to be now."""
        context = self._client if name is not None else self._server
        if context is None:
            raise ConfigError("there is no certificate")
        made = SSL.Connection(context, None)
        made.set_app_data(protocol)
        if name is not None and not _isAddress(name):
            made.set_tlsext_host_name(name.encode("idna"))
        return made

    def judge(self, certificate: X509, name: str) -> str:
        """
        Does the certificate, whose chain is right, prove that its owner is C{name}?

        @return: empty, or what is wrong.
        """
        return mismatch(certificate.to_cryptography(), name, self.files.addresses)


class _Wrapped(BufferingTLSTransport):
    """As it is, but SIP is told of each reading, whether or not it brings any octets of a message."""

    def dataReceived(self, data: bytes) -> None:
        if isinstance(self.wrappedProtocol, Connection):
            self.wrappedProtocol.read()
        super().dataReceived(data)  # type: ignore[no-untyped-call]


class _Wrapping(TLSMemoryBIOFactory):
    """As it is, but a connection that the inner factory refuses is not wrapped."""

    protocol = _Wrapped

    def buildProtocol(self, addr: Any) -> Any:
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else self.protocol(self, inner)


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class _Creator:
    def __init__(self, security: Security, name: str | None) -> None:
        self._security = security
        self._name = name

    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        return self._security.connection(self._name, protocol)

    serverConnectionForTLS = clientConnectionForTLS


def mismatch(certificate: x509.Certificate, name: str, addresses: bool) -> str:
    """
    RFC 5922 section 7: SIP URIs of the subjectAltName decide, if there are any; else its DNS names, and only in a
    certificate without that extension the common name.  No wildcards.

    @return: empty if the certificate is one for C{name}; else what is wrong.
    """
    if _isAddress(name):
        if not addresses:
            return f"an address ({name}) proves nothing: call the server by its domain, or set TLSAcceptAddresses"
        wanted: Any = IPAddress_ID(name)
    else:
        wanted = DNS_ID(name)
    try:
        domains, hosts, literals = _namesIn(certificate)
    except Exception as problem:  # what others write into certificates knows no bounds
        return f"its names cannot be read: {problem!r}"[:200]
    patterns: list[Any]
    if _isAddress(name):
        patterns = [IPAddressPattern(each) for each in literals if isinstance(each, (IPv4Address, IPv6Address))]
    elif domains:
        wanted = URI_ID(f"sip:{name}")
        patterns = [URIPattern(b"sip", DNSPattern(each.lower().encode())) for each in domains if _isPlain(each)]
    else:
        patterns = [DNSPattern(each.lower().encode()) for each in hosts if _isPlain(each)]
    try:
        verify_service_identity(patterns, obligatory_ids=[wanted], optional_ids=[])
    except (VerificationError, CertificateError):
        return f"it is not for {name}"
    return ""


def faultOf(number: int) -> str:
    """One of OpenSSL's faults, in words."""
    return _FAULTS.get(number, f"OpenSSL's verification says {number}")


def _isAddress(name: str) -> bool:
    return isIPAddress(name) or isIPv6Address(name)


_Literal = IPv4Address | IPv6Address | IPv4Network | IPv6Network


def _namesIn(certificate: x509.Certificate) -> tuple[list[str], list[str], list[_Literal]]:
    """
    The domains of its SIP URIs, its DNS names, and its IP addresses.

    The common name is one of the DNS names if there is no subjectAltName at all; in one that has other names, be they
    only e-mail addresses, it names a person and no host.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return [], [str(each.value) for each in found], []
    uris = [_DOMAIN(each) for each in names.get_values_for_type(x509.UniformResourceIdentifier)]
    hosts, literals = names.get_values_for_type(x509.DNSName), names.get_values_for_type(x509.IPAddress)
    return [found[1] for found in uris if found is not None], hosts, literals


def _isPlain(name: str) -> bool:
    return (
        name.isascii()
        and "*" not in name
        and 0 < len(name) < 254
        and all(0 < len(label) < 64 for label in name.split("."))
    )


def _contexts(files: Files) -> Steps[tuple[SSL.Context, SSL.Context | None, bytes]]:
    """
    The contexts for outbound connections and for inbound ones, C{None} for the latter without a certificate; and
    something that changes when the content of a file does.

    @raise ConfigError: if a file cannot be used.
    """
    client = _context(files)
    client.set_verify(SSL.VERIFY_PEER, _noteFault)
    server = None
    if files.certificate:
        _present(client, files)  # to servers that ask for it
        server = _serving(files)
    content = _contentOf(files)
    directory = files.directory if files.authorities or files.directory else ofSystem()[1]
    if directory:
        content += yield from trust([each for each in (client, server) if each is not None], directory)
    return client, server, content


def _serving(files: Files) -> SSL.Context:
    """The context for inbound connections."""
    server = _context(files)
    server.set_verify(_VERIFY[files.clients], _noteFault)
    server.set_session_id(b"ichatgw")
    _present(server, files)
    _remark(files)
    if files.parameters:
        _use("Diffie-Hellman parameters", files.parameters, lambda: server.load_tmp_dh(files.parameters.encode()))
    return server


def _contentOf(files: Files) -> bytes:
    """Changes when the content of a file does; those in a directory are not among them."""
    seal = sha256()
    for path in (files.certificate, files.key, files.authorities, files.parameters):
        if path:
            with open(path, "rb") as file:
                seal.update(file.read() + b"\0")
    return seal.digest()


def _endOf(files: Files) -> datetime | None:
    """When the first certificate of our chain expires: from then on far ends cannot verify it."""
    if not files.certificate:
        return None
    with open(files.certificate, "rb") as file:
        try:
            return min(each.not_valid_after_utc for each in x509.load_pem_x509_certificates(file.read()))
        except ValueError:
            return None  # OpenSSL takes more than can be read here


def _context(files: Files) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_cipher_list(_CIPHERS)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    if files.authorities:
        _use("TLSCAFile", files.authorities, lambda: context.load_verify_locations(files.authorities))
    elif not files.directory:
        trustSystem(context)
    return context


def _present(context: SSL.Context, files: Files) -> None:
    _use("TLSCertificate", files.certificate, lambda: context.use_certificate_chain_file(files.certificate))
    key = files.key or files.certificate
    context.set_passwd_cb(lambda *_: files.passPhrase.encode())

    def load() -> None:
        context.use_privatekey_file(key)
        context.check_privatekey()

    _use("TLSPrivateKey", key, load, f" that belongs to {files.certificate} (or TLSPrivateKeyPassPhrase is wrong)")


def _remark(files: Files) -> None:
    """Say what our certificate will not serve for."""
    with open(files.certificate, "rb") as file:
        ours = x509.load_pem_x509_certificate(file.read())
    if ours.not_valid_after_utc < datetime.now(timezone.utc):
        _log.warn("{file}: this certificate has expired", file=files.certificate)
    problem = mismatch(ours, files.domain, addresses=True) if files.domain else ""
    if problem:
        _log.warn("{file}: {problem} (TLSDomain)", file=files.certificate, problem=problem)


def _use(setting: str, path: str, load: Callable[[], object], more: str = "") -> None:
    """
    Load a file.

    @raise ConfigError: if it is not what it should be.
    """
    try:
        with open(path, "rb"):
            pass
    except OSError as problem:
        raise ConfigError(f"{setting} {path}: {problem.strerror}") from problem
    try:
        load()
    except (SSL.Error, ValueError) as problem:
        raise ConfigError(f"{setting} {path}: it holds nothing of that kind in PEM{more}") from problem


def _noteFault(connection: SSL.Connection, certificate: X509, number: int, depth: int, right: int) -> bool:
    """OpenSSL's verification of one certificate of a chain; what it finds wrong is said to the connection."""
    if not right:
        protocol = getattr(connection.get_app_data(), "wrappedProtocol", None)
        if protocol is not None:
            whose = "its certificate" if depth == 0 else "a certificate in its chain"
            protocol.refused(f"{whose} is refused: {faultOf(number)}")
    return bool(right)
