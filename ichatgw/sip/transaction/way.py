# -*- test-case-name: ichatgw.test.sip.test_endpoint,ichatgw.test.sip.trunk,ichatgw.test.sip.test_transports -*-
"""
The way on which requests outside of dialogs leave: to the host of their address, or all of them to one server, with
what we log in with there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from sippy.SipAddress import SipAddress
from sippy.SipRoute import SipRoute
from sippy.SipURL import SipURL
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime

from ichatgw.net.hosts import bracketed
from ichatgw.sip.auth.authorization import Authorizer
from ichatgw.sip.message.uris import Misaddressed
from ichatgw.sip.transaction.targetset import MAX_REDIRECTIONS, TargetSet
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.transport.target import Target, Transport

Place = tuple[str, int | None, Transport | None, bool]
"""What is known of where to go: host, port, transport, and whether TLS is a must; see L{Resolver.targets}."""

MAX_ADDRESSES = 64
"""How many addresses of a server are remembered."""


def _unnoticed(host: str) -> None:
    """The callback before one is set: does nothing."""


@define(eq=False)
class Way:
    """
    @ivar logins: what we log in with.
    @ivar server: where all requests go; C{None} means to the host of their address.
    @ivar named: how problems call the server.
    @ivar isProxy: the server is not the one that is addressed: it is named in a Route.
    @ivar found: is told of each address of the server, an IP literal, when it is first found.
    @ivar services: the route that a registrar wants requests to take (RFC 3608), as sippy's C{SipURL}.
    """

    clock: IReactorTime
    resolver: Resolver
    logins: Authorizer
    server: Place | None = None
    named: str = "OutboundProxy"
    isProxy: bool = True
    services: tuple[Any, ...] = ()
    found: Callable[[str], object] = _unnoticed
    _addresses: dict[str, None] = field(factory=dict, init=False)

    def leadsTo(self, host: str) -> bool:
        """Is C{host}, an IP literal, one where the server has been found?"""
        return host in self._addresses

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the server has been found, as IP literals."""
        return tuple(self._addresses)

    def seek(self, secure: bool = False) -> Deferred[tuple[Target, ...]]:
        """
        Look the server up.

        @param secure: the address called is C{sips}: nothing but TLS will do (RFC 3261 section 8.1.2).
        """
        place = self._first()
        if place is None:
            return succeed(())
        host, port, transport, _ = place
        secure = secure and transport is not Transport.TLS
        if secure and (port is not None or transport is not None):
            return fail(Misaddressed(f"sips wants TLS, and {self.named} is not reached by that"))
        return self.resolver.targets(host, port, transport, secure).addCallback(self._found)

    def _first(self) -> Place | None:
        """A proxy that was set comes first, else what the registrar wants, else the server itself."""
        return where(self.services[0]) if self.services and not self.isProxy else self.server

    def _found(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        for target in targets:
            isNew = self._addresses.pop(target.address.host, self) is self
            self._addresses[target.address.host] = None
            if isNew:
                self.found(target.address.host)
        while len(self._addresses) > MAX_ADDRESSES:
            del self._addresses[next(iter(self._addresses))]
        return targets

    def routes(self) -> list[SipRoute]:
        """The Route headers of a request."""
        if self.services:
            return [SipRoute(address=SipAddress(url=url.getCopy())) for url in self.services]
        if self.server is None or not self.isProxy:
            return []
        host, port, transport, _ = self.server
        url = SipURL(host=bracketed(host), port=port, lr=True)
        if transport is not None and transport.reliable:
            url.transport = transport.value
        return [SipRoute(address=SipAddress(url=url))]

    def locate(self, uri: SipURL) -> Deferred[tuple[Target, ...]]:
        """Where a request for C{uri}, sippy's C{SipURL}, goes."""
        place = where(uri)
        return self.resolver.targets(*place) if self.server is None else self.seek(place[3])

    def hunt(self, uri: SipURL, mostRedirections: int = MAX_REDIRECTIONS) -> TargetSet:
        """The attempts at C{uri}, sippy's C{SipURL}."""
        return TargetSet(self.clock, uri, self.locate, self.resolver.failed, mostRedirections)


def where(url: SipURL) -> Place:
    """What a SIP URI says of where it is, for L{Resolver.targets}."""
    secure = url.scheme == "sips"
    return url.host, url.port, Transport.of(url.transport) if url.transport else None, secure
