# -*- test-case-name: ichatgw.test.net.test_names,ichatgw.test.sip.transport.test_resolver -*-
"""
The addresses of a host by its name: those that the hosts file gives, or else those of the DNS, of both families.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IReactorTime,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw.net.dns import AAAA, A, Records, Unanswered, address
from ichatgw.net.hosts import literal

_log = Logger()

SECOND_FAMILY_WAIT = 0.05
"""Seconds that we wait for the addresses of the other family when we have those preferred (compare RFC 8305)."""

CONNECT_TIMEOUT = 5.0
"""Seconds for each address that is tried."""

LOOPBACK = {A: "127.0.0.1", AAAA: "::1"}
"""Those of C{localhost}, which the DNS is not asked for (RFC 6761 section 6.3)."""


async def addressesOf(clock: IReactorTime, records: Records, name: str, kinds: Sequence[int]) -> list[str]:
    """
    The addresses of a host, those of the first kind first; empty if it has none.

    @param kinds: C{A} and C{AAAA}, in the order preferred.
    @raise Unanswered: if the name servers say nothing of either.
    """
    local = [host for kind in kinds for host in records.local(name, kind)]
    if local:
        return local
    if name.lower().rstrip(".") == "localhost":
        return [LOOPBACK[kind] for kind in kinds]
    first, second = (records.lookUp(name, kind) for kind in kinds)
    found: list[str] | None = None
    try:
        found = [address(record) for record in await first]
    except Unanswered:
        pass
    except BaseException:  # cancelled
        second.cancel()
        second.addErrback(lambda failure: None)
        raise
    if found:
        second.addTimeout(SECOND_FAMILY_WAIT, clock)
    try:
        return (found or []) + [address(record) for record in await second]
    except (Unanswered, TimeoutError):
        if found is None:
            raise
        return found


@implementer(IHostResolution)
@define(eq=False)
class _Resolution:
    """A search that may be given up."""

    name: str
    asked: Deferred[Any] = field(init=False)

    def cancel(self) -> None:
        self.asked.cancel()


@implementer(IHostnameResolver)
@define(eq=False)
class HostNames:
    """
    Looks names up as L{addressesOf} does, for Twisted: without threads.  A name without a dot is also looked for in the
    domains that the system searches.
    """

    _clock: IReactorTime
    _records: Records

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """See L{IHostnameResolver}."""
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)

        def found(hosts: Sequence[str]) -> None:
            for host in hosts:
                kind: Any = IPv6Address if ":" in host else IPv4Address
                if addressTypes is None or kind in addressTypes:
                    resolutionReceiver.addressResolved(kind(transportSemantics, host, portNumber))
            resolutionReceiver.resolutionComplete()

        resolution.asked = Deferred.fromCoroutine(self._find(hostName))
        resolution.asked.addErrback(_nothing).addCallback(found)
        return resolution

    async def _find(self, name: str) -> Sequence[str]:
        name = name.encode("idna").decode()
        wholes = [name] if "." in name else [name, *(f"{name}.{domain}" for domain in self._records.searched)]
        for whole in wholes:
            hosts = await addressesOf(self._clock, self._records, whole, (A, AAAA))
            if hosts:
                return hosts
        return ()


def _nothing(failure: Failure) -> Sequence[str]:
    """A failed search ends as one that has found nothing, as L{IResolutionReceiver} has no errors."""
    if not failure.check(Unanswered, CancelledError, UnicodeError):
        _log.failure("A name could not be looked up", failure)
    return ()


@implementer(IReactorPluggableNameResolver)
class _Naming:
    """A reactor with another way to look names up."""

    def __init__(self, reactor: Any, nameResolver: IHostnameResolver) -> None:
        self._reactor = reactor
        self.nameResolver = nameResolver

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """See L{IReactorPluggableNameResolver}."""
        before, self.nameResolver = self.nameResolver, resolver
        return before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


def endpointAt(reactor: Any, host: str, port: int, timeout: float = CONNECT_TIMEOUT) -> IStreamClientEndpoint:
    """
    Where to connect.

    @param host: an address.
    @param timeout: seconds.
    """
    kind: Any = TCP6ClientEndpoint if ":" in host else TCP4ClientEndpoint
    endpoint: IStreamClientEndpoint = kind(reactor, host, port, timeout=timeout)
    return endpoint


def endpointFor(
    reactor: Any, records: Records, host: str, port: int, timeout: float = CONNECT_TIMEOUT
) -> IStreamClientEndpoint:
    """
    Where to connect; only names are looked up, and all addresses of a name are tried, the next one after a moment.

    @param reactor: provides time and TCP.
    @param host: a name or an address.
    @param timeout: seconds for each address.
    """
    if literal(host, port) is not None:
        return endpointAt(reactor, host, port, timeout)
    naming: Any = _Naming(reactor, HostNames(reactor, records))
    return HostnameEndpoint(naming, host, port, timeout=timeout)
