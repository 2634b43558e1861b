# -*- test-case-name: ichatgw.test.sip.transaction.test_layer,ichatgw.test.sip.test_transports -*-
"""
Our addresses as sippy sees them, and what carries messages from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

import ichatgw.sip.message.sippypatches  # noqa: F401

# isort: split
from sippy.SipAddress import SipAddress
from sippy.SipContact import SipContact
from sippy.SipRequest import SipRequest
from sippy.SipURL import SipURL
from twisted.logger import Logger

from ichatgw.model import TransportAddress
from ichatgw.net.dns import isName
from ichatgw.net.hosts import bracketed, isHost, literal
from ichatgw.sip.message.bodies import octets
from ichatgw.sip.transport.target import Target, Transport

_log = Logger()


class Wire(Protocol):
    """Carries datagrams."""

    def send(self, datagram: bytes, address: TransportAddress) -> None:
        """Send; failure is the network's business and shows as a timeout."""

    def towards(self, host: str) -> TransportAddress:
        """
        The address of ours that C{host} sees.

        @raise OSError: if there is none.
        """


class _Options:
    """The little that sippy asks of a server's options."""

    def __init__(self, laddress: tuple[str, int]) -> None:
        self.laddress = laddress

    def isWildCard(self) -> bool:
        """A listening point is one address, never a wildcard."""
        return False


class Streams(Protocol):
    """Carries messages over connections."""

    def send(self, data: bytes, target: Target) -> None:
        """
        Send; a target that cannot be reached is told of later, see
        L{ichatgw.sip.transaction.transporterrors.TransportErrors.unreachable}.
        """

    def towards(self, host: str, transport: Transport) -> TransportAddress:
        """
        The address of ours that C{host} can connect to.

        @raise OSError: if there is none.
        """

    def isOpen(self, target: Target) -> bool:
        """Is there a connection to it?"""

    @property
    def presents(self) -> bool:
        """Do we have a certificate to present on the connections that we open?"""

    def alias(self, source: Target, port: int) -> None:
        """
        The far end that is connected to us at C{source} wants requests to its C{port} to come over that connection
        (RFC 5923); granted to those who have proved who they are.
        """

    def expect(self, target: Target) -> None:
        """The TLS certificate shown at C{target} has to name the domain C{target.name} (RFC 5922)."""

    def suggest(self, target: Target) -> None:
        """The same as L{expect}, unless another domain is expected at that host already."""


class Carrier(Protocol):
    """What sippy asks of that which carries messages."""

    @property
    def transport(self) -> str: ...

    def getSIPaddr(self) -> tuple[tuple[str, int], str]: ...

    def addr2str(self, address: tuple[str, int]) -> str: ...

    def send_to(self, data: str | bytes, address: tuple[str, int]) -> None: ...


class ListeningPoint:
    """One of our addresses, as sippy's C{Network_server}: what it writes into Via and Contact, and where it sends."""

    def __init__(self, send: Callable[[bytes, Target], None], local: TransportAddress, kind: Transport) -> None:
        self._send = send
        self.local = local
        self.kind = kind
        self.transport = kind.value
        self.uopts = _Options((bracketed(local.host), local.port))

    def getSIPaddr(self) -> tuple[tuple[str, int], str]:
        """As sippy substitutes it for "my address"."""
        return self.uopts.laddress, self.transport

    def addr2str(self, address: tuple[str, int]) -> str:
        """For sippy's message log."""
        return f"{self.transport}:{address[0]}:{address[1]}"

    def send_to(self, data: str | bytes, address: tuple[str, int]) -> None:
        """Send to an IP literal.  A host name is not sent to: there is no wait for DNS here."""
        target = literal(*address)
        if target is None or not target.port or not isHost(target.host):
            _log.debug("Not sent: {host!r} is no address", host=str(address[0])[:100])
            return
        self._send(data if isinstance(data, bytes) else octets(data), Target(self.kind, target))


def domainIn(host: str) -> str:
    """The domain that a host of a URI or Via is, in lower case; empty if it is an address, or nothing sensible."""
    name = host.lower().rstrip(".")
    return name if literal(name, 1) is None and isName(name) else ""


_TOP_VIA = re.compile(
    rb"\r\nVia: *SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*[A-Z]+[ \t]+(\[[^]]*\]|[^;:\r \t]+)[ \t]*(?::[ \t]*([0-9]{1,5}))?",
    re.IGNORECASE,
)


def returnPath(response: bytes, target: Target) -> Target:
    """
    Where a response goes whose connection has been closed: to the port that its sender listens at (RFC 3261 section
    18.2.2).  Over TLS it has to be the host that it says it is.
    """
    via = _TOP_VIA.search(response)
    port = target.transport.defaultPort if via is None or via[2] is None else int(via[2])
    name = "" if via is None else domainIn(via[1].decode("ascii", "replace"))
    return Target(target.transport, TransportAddress(target.address.host, port), name) if 0 < port < 65536 else target


def contactAt(local: TransportAddress, transport: Transport, user: str | None, secure: bool = False) -> SipContact:
    """
    A Contact: where others reach us.

    @param secure: the dialog began with a C{sips} URI, so it is one too (RFC 3261 sections 8.1.1.8 and 12.1.1).
    """
    secure = secure and transport is Transport.TLS
    url = SipURL(username=user, host=bracketed(local.host), port=local.port, scheme="sips" if secure else "sip")
    if transport.reliable and not secure:
        url.transport = transport.value
    return SipContact(address=SipAddress(url=url))


def wishAlias(request: SipRequest, streams: Streams) -> None:
    """Does the sender want to be called over the connection of its request (RFC 5923 section 5)?"""
    source = literal(*request.getSource())
    via = request.getHFBody("via")
    if source is not None and "alias" in via.params:
        streams.alias(Target(Transport.TLS, source), int(via.port or Transport.TLS.defaultPort))


def transportOf(request: SipRequest) -> Transport:
    """By what a request has come."""
    return Transport.UDP if request.source is None else Transport(str(request.source[1]))
