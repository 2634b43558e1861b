# -*- test-case-name: ichatgw.test.test_sip_resolver -*-
"""
From the host of a SIP URI to an address, without waiting for anybody but those who ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from socket import AF_INET6, inet_ntop
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.names import client, dns, hosts
from twisted.names.resolve import ResolverChain

from ichatgw.errors import CallError
from ichatgw.model import EndReason, TransportAddress
from ichatgw.sip.transactions import literal

DEFAULT_PORT = 5060
"""RFC 3261 section 19.1.2."""

TIMEOUTS = (1, 2, 3)
"""Seconds for each attempt at a name server."""

MOST_KNOWN = 1024
"""How many names are remembered."""

LONGEST_LIFE = 3600
"""Seconds for which an answer is remembered, whatever its time to live says."""


class Unresolved(CallError):
    """The host of a SIP URI has no address."""

    reason = EndReason.UNAVAILABLE


class Resolver:
    """
    Looks up A and AAAA records by C{twisted.names}, and remembers them for their time to live (C{twisted.names} has
    a cache, and nothing in its client that fills it).

    @param servers: name servers to ask instead of the system's.
    @param preferIPv6: ask for AAAA first.
    @param names: whom to ask, an C{IResolver}; otherwise the hosts file and the name servers.
    """

    def __init__(self, reactor: Any, servers: Sequence[str] = (), preferIPv6: bool = False, names: Any = None) -> None:
        self._reactor = reactor
        self._servers = [(server, dns.PORT) for server in servers]
        self._types = (dns.AAAA, dns.A) if preferIPv6 else (dns.A, dns.AAAA)
        self._names = names
        self._known: dict[str, tuple[str, float]] = {}

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
        name = host.lower()
        known, until = self._known.get(name, ("", 0.0))
        if self._reactor.seconds() >= until:
            self._known.pop(name, None)
            known, life = await self._ask(name)
            if life > 0:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[name] = (known, self._reactor.seconds() + min(life, LONGEST_LIFE))
        found = literal(known, port)
        if found is None:
            raise Unresolved(f"{host[:100]!r} has no address")
        return found

    async def _ask(self, host: str) -> tuple[str, int]:
        """The address and for how many seconds it holds."""
        for kind in self._types:
            try:
                if self._names is None:
                    self._names = self._chain()
                lookUp = self._names.lookupAddress if kind == dns.A else self._names.lookupIPV6Address
                answers, _, _ = await lookUp(host, timeout=TIMEOUTS)
            except CancelledError:
                raise
            except Exception:  # twisted.names fails in a dozen ways; each means: no address of this kind
                continue
            for answer in answers:
                if answer.type == kind:
                    return answer.payload.dottedQuad() if kind == dns.A else _ipv6(answer.payload), int(answer.ttl)
        return "", 0

    def _chain(self) -> ResolverChain:
        """The hosts file, the name servers."""
        asked = client.Resolver("/etc/resolv.conf", self._servers or None, reactor=self._reactor)
        return ResolverChain([hosts.Resolver("/etc/hosts"), asked])


def _ipv6(record: Any) -> str:
    return inet_ntop(AF_INET6, record.address)
