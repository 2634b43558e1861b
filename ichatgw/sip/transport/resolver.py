# -*- test-case-name: ichatgw.test.sip.transport.test_resolver -*-
"""
Where a request to a SIP URI goes (RFC 3263): its targets, as a C{Deferred}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from random import SystemRandom
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredList, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.names.dns import Record_SRV
from twisted.python.failure import Failure

from ichatgw.errors import CallError
from ichatgw.model import EndReason, TransportAddress
from ichatgw.net.dns import AAAA, NAPTR, SRV, A, Records, Unanswered
from ichatgw.net.hosts import isHost, literal
from ichatgw.net.names import addressesOf
from ichatgw.sip.transport.target import Target, Transport

MAX_TARGETS = 12
"""How many targets one request is given at most."""

MAX_SERVERS = 8
"""How many hosts of an SRV answer are looked at."""

MAX_RECORDS = 64
"""How many records of an SRV answer are put in order."""

MAX_SEARCH = 10.0
"""Seconds after which a host is not looked for any longer, however many name servers and records there are."""

DEAD_TIME = 60.0
"""Seconds for which a target that failed is tried only after the others."""

MAX_DEAD = 256

_draw = SystemRandom().randrange
_SERVICES = {"sips+d2t": "TLS", "sip+d2u": "UDP", "sip+d2t": "TCP"}
_SRV_NAMES = {"UDP": "_sip._udp", "TCP": "_sip._tcp", "TLS": "_sips._tcp"}


class Unresolved(CallError):
    """The host of a SIP URI has no address."""

    reason = EndReason.UNAVAILABLE


class Resolver:
    """
    From a host, and what its URI says of port and transport, to the list of targets that are to be tried in turn.

    @param records: whom to ask.
    @param preferIPv6: try IPv6 addresses before IPv4.
    @param transports: those that we have, the one preferred first where neither the URI nor the DNS says.
    @param draw: gives a random number below its argument, for the weights of SRV.
    """

    def __init__(
        self,
        clock: IReactorTime,
        records: Records,
        preferIPv6: bool = False,
        transports: Sequence[Transport] = (Transport.UDP,),
        draw: Callable[[int], int] = _draw,
    ) -> None:
        self._clock = clock
        self._records = records
        self._types = (AAAA, A) if preferIPv6 else (A, AAAA)
        self._transports = tuple(transports)
        self._draw = draw
        self._dead: dict[Target, float] = {}

    def targets(
        self, host: str, port: int | None = None, transport: Transport | None = None, secure: bool = False
    ) -> Deferred[tuple[Target, ...]]:
        """
        The targets, the first to be tried first; at once if C{host} is a literal (brackets or not).

        @param port: as the URI says; then there is nothing to find out but the address (RFC 3263 section 4.2).
        @param transport: as the URI says.
        @param secure: the URI is C{sips}: TLS and nothing else.

        The Deferred fails with L{Unresolved} if there is none.
        """
        asked = transport
        if secure:
            transport = Transport.TLS
        if transport is not None and transport not in self._transports:
            return fail(Unresolved(f"{host[:100]!r} wants {transport.name}, which is not served here"))
        given = literal(host, port if port is not None else (transport or Transport.UDP).defaultPort)
        if given is not None:
            return succeed((Target(transport or self._transports[0], given, host.strip("[]")),))
        if not host or len(host) > 253:
            return fail(Unresolved(f"no host in the address: {host[:60]!r}"))
        found = Deferred.fromCoroutine(self._find(host.lower().rstrip("."), port, transport, asked is None))
        return found.addTimeout(MAX_SEARCH, self._clock, partial(_late, host))

    def failed(self, target: Target) -> None:
        """A target did not answer: others are tried before it for a while."""
        if len(self._dead) >= MAX_DEAD:
            self._dead.clear()
        self._dead[target] = self._clock.seconds() + DEAD_TIME

    async def _find(self, host: str, port: int | None, transport: Transport | None, isOpen: bool) -> tuple[Target, ...]:
        try:
            found = await self._procedure(host, port, transport, isOpen)
        except Unanswered as problem:
            raise Unresolved(f"the name servers do not say where {host[:100]!r} is: {problem}") from problem
        found = [target for target in dict.fromkeys(found) if isHost(target.address.host) and target.address.port]
        if not found:
            raise Unresolved(f"{host[:100]!r} has no address")
        now = self._clock.seconds()
        found.sort(key=lambda target: self._dead.get(target, 0.0) > now)
        return tuple(found[:MAX_TARGETS])

    async def _procedure(self, host: str, port: int | None, transport: Transport | None, isOpen: bool) -> list[Target]:
        """@param isOpen: the URI names no transport, so that NAPTR records count; with C{sips}, those for TLS."""
        plain = transport or self._transports[0]
        local = [literal for kind in self._types for literal in self._records.local(host, kind)]
        if local:  # the administrator has decided
            return self._aimed(plain, local, port, host)
        if port is None:
            services = await self._services(host, transport, isOpen)
            if services is not None:
                return await self._served(services, host)
        return self._aimed(plain, await self._addresses(host), port, host)

    def _aimed(self, transport: Transport, addresses: Iterable[str], port: int | None, name: str) -> list[Target]:
        number = port if port is not None else transport.defaultPort
        return [Target(transport, TransportAddress(found, number), name) for found in addresses]

    async def _services(
        self, host: str, transport: Transport | None, isOpen: bool
    ) -> list[tuple[Transport, Record_SRV]] | None:
        """
        The SRV records for C{host}, in the order in which they are to be tried; C{None} if it has none.

        @raise Unresolved: if it says that there is no such service.
        """
        wanted = self._transports if transport is None else (transport,)
        questions = await self._naptr(host, wanted) if isOpen else []
        if not questions:
            questions = [(each, f"{_SRV_NAMES[each.name]}.{host}") for each in wanted]
        answers = await _all([self._records.lookUp(name, SRV) for _, name in questions])
        services: list[tuple[Transport, Record_SRV]] = []
        for (each, _), records in zip(questions, answers, strict=True):
            services.extend((each, record) for record in self._inOrder(records or ()))
        if services and all(_text(record.target.name) in ("", ".") for _, record in services):
            raise Unresolved(f"{host[:100]!r} says that it has no such service")
        return [(each, record) for each, record in services if _text(record.target.name) not in ("", ".")] or None

    async def _naptr(self, host: str, wanted: Sequence[Transport]) -> list[tuple[Transport, str]]:
        """What RFC 3263 section 4.1 makes of the NAPTR records: which SRV names to ask for."""
        try:
            records = await self._records.lookUp(host, NAPTR)
        except Unanswered:
            return []  # there are forwarders that drop what they do not know
        usable = {each.name: each for each in wanted}
        found: list[tuple[int, int, Transport, str]] = []
        for record in records:
            name = _SERVICES.get(_text(record.service.string).lower(), "")
            if name in usable and record.flags.string.lower() == b"s" and _text(record.replacement.name):
                found.append((record.order, record.preference, usable[name], _text(record.replacement.name)))
        found.sort(key=lambda each: each[:2])
        return [(transport, name) for _, _, transport, name in found[:MAX_SERVERS]]

    def _inOrder(self, records: Sequence[Record_SRV]) -> list[Record_SRV]:
        """By priority, and drawn by weight among equals (RFC 2782)."""
        ordered: list[Record_SRV] = []
        first = sorted(records, key=lambda record: int(record.priority))[:MAX_RECORDS]
        for priority in sorted({record.priority for record in first}):
            # Those of weight 0 first, so that they have a small chance.
            left = sorted((r for r in first if r.priority == priority), key=lambda record: bool(record.weight))
            while left:
                drawn = self._draw(sum(record.weight for record in left) + 1)
                for record in left:
                    drawn -= record.weight
                    if drawn <= 0:
                        break
                ordered.append(record)
                left.remove(record)
        return ordered

    async def _served(self, services: list[tuple[Transport, Record_SRV]], host: str) -> list[Target]:
        servers = services[:MAX_SERVERS]
        names = list(dict.fromkeys(_text(record.target.name) for _, record in servers))
        answers = await _all([Deferred.fromCoroutine(self._addresses(name)) for name in names])
        addresses = {name: found or [] for name, found in zip(names, answers, strict=True)}
        targets: list[Target] = []
        for transport, record in servers:
            # What a certificate must name is the domain that was called, not the host (RFC 5922 section 7.1).
            targets.extend(self._aimed(transport, addresses[_text(record.target.name)], record.port, host))
        return targets

    async def _addresses(self, name: str) -> list[str]:
        return await addressesOf(self._clock, self._records, name, self._types)


_Result = TypeVar("_Result")


async def _all(asked: Sequence[Deferred[_Result]]) -> list[_Result | None]:
    """The result of each; C{None} for those that failed."""
    results: Sequence[tuple[bool, Any]] = await DeferredList(asked, consumeErrors=True)
    for success, result in results:
        if not success and result.check(CancelledError):
            result.raiseException()
    return [result if success else None for success, result in results]


def _late(host: str, result: Failure, seconds: float) -> Failure:
    if result.check(CancelledError):
        raise Unresolved(f"the name servers did not say in {seconds:.0f} s where {host[:100]!r} is")
    return result


def _text(octets: bytes) -> str:
    return octets.decode("ascii", "replace")
