# -*- test-case-name: ichatgw.test.test_sip_resolver -*-
"""
From the host of a SIP URI to an address, without waiting for anybody but those who ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from socket import AF_INET6, inet_ntop
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import cache, client, dns, hosts
from twisted.names.resolve import ResolverChain

from ichatgw.errors import CallError
from ichatgw.model import EndReason, TransportAddress
from ichatgw.sip.transactions import literal

DEFAULT_PORT = 5060
"""RFC 3261 section 19.1.2."""

TIMEOUTS = (1, 2, 3)
"""Seconds for each attempt at a name server."""


class Unresolved(CallError):
    """The host of a SIP URI has no address."""

    reason = EndReason.UNAVAILABLE


class Resolver:
    """
    Looks up A and AAAA records by C{twisted.names}, which caches them for their time to live.

    @param servers: name servers to ask instead of the system's.
    @param preferIPv6: ask for AAAA first.
    """

    def __init__(self, reactor: Any, servers: Sequence[str] = (), preferIPv6: bool = False) -> None:
        self._reactor = reactor
        self._servers = [(server, dns.PORT) for server in servers]
        self._types = (dns.AAAA, dns.A) if preferIPv6 else (dns.A, dns.AAAA)
        self._names: Any = None

    def resolve(self, host: str, port: int | None) -> Deferred[TransportAddress]:
        """
        The address of C{host}; fires at once if it is a literal (brackets or not).

        The Deferred fails with L{Unresolved} if there is none.
        """
        target = literal(host, port or DEFAULT_PORT)
        if target is not None:
            return succeed(target)
        if not host or len(host) > 253:
            return fail(Unresolved(f"no host in the address: {host[:60]!r}"))
        return Deferred.fromCoroutine(self._lookUp(host, port or DEFAULT_PORT))

    async def _lookUp(self, host: str, port: int) -> TransportAddress:
        if self._names is None:
            self._names = self._chain()
        for kind in self._types:
            lookUp = self._names.lookupAddress if kind == dns.A else self._names.lookupIPV6Address
            try:
                answers, _, _ = await lookUp(host, timeout=TIMEOUTS)
            except Exception:  # twisted.names fails in a dozen ways; each means: no address of this kind
                continue
            for answer in answers:
                if answer.type == kind:
                    found = literal(answer.payload.dottedQuad() if kind == dns.A else _ipv6(answer.payload), port)
                    if found is not None:
                        return found
        raise Unresolved(f"{host[:100]} has no address")

    def _chain(self) -> ResolverChain:
        """The hosts file, what we know already, the name servers."""
        asked = client.Resolver("/etc/resolv.conf", self._servers or None, reactor=self._reactor)
        return ResolverChain([hosts.Resolver("/etc/hosts"), cache.CacheResolver(reactor=self._reactor), asked])


def _ipv6(record: Any) -> str:
    return inet_ntop(AF_INET6, record.address)
