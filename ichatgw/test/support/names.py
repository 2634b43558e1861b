# -*- test-case-name: ichatgw.test.net.test_dns -*-
"""
A name server of memory.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSQueryTimeoutError

from ichatgw.net.dns import Records

TTL = 60


def a(host: str) -> Any:
    return dns.Record_A(host)


def aaaa(host: str) -> Any:
    return dns.Record_AAAA(host)


def srv(target: str, port: int, priority: int = 0, weight: int = 0) -> Any:
    return dns.Record_SRV(priority, weight, port, target)


def naptr(service: str, replacement: str, order: int = 10, preference: int = 10, flags: str = "s") -> Any:
    return dns.Record_NAPTR(order, preference, flags.encode(), service.encode(), b"", replacement)


class FakeNames:
    """
    An C{IResolver} as far as L{Records} needs one: answers from a table of names to records.

    @ivar table: what is not in it does not exist.
    @ivar asked: each query, as C{"A pbx.example"}.
    @ivar silent: names that get no answer; C{problems}: those that fail otherwise.
    @ivar strange: names and records that stand in every answer.
    @ivar held: if not C{None}, answers wait here until L{release}.
    @ivar minimum: seconds for which nothing is nothing; C{None}: the answer does not say.
    """

    def __init__(self, **table: Any) -> None:
        self.table = table
        self.asked: list[str] = []
        self.silent: set[str] = set()
        self.problems: dict[str, Exception] = {}
        self.strange: list[tuple[str, Any]] = []
        self.held: list[Deferred[Any]] | None = None
        self.minimum: int | None = None

    def query(self, query: Any, timeout: Any = None) -> Deferred[Any]:
        name = str(query.name)
        kind = dns.QUERY_TYPES[query.type]
        self.asked.append(f"{kind} {name}")
        if self.held is None:
            return self._answer(name, kind)
        waiting: Deferred[Any] = Deferred()
        waiting.addCallback(lambda _: self._answer(name, kind))
        self.held.append(waiting)
        return waiting

    def release(self) -> None:
        held, self.held = self.held or [], None
        for waiting in held:
            waiting.callback(None)

    def _answer(self, name: str, kind: str) -> Deferred[Any]:
        if name in self.problems:
            return fail(self.problems[name])
        if name in self.silent or f"{kind} {name}" in self.silent:
            return fail(DNSQueryTimeoutError(1))
        records = self.table.get(name)
        authority = []
        if self.minimum is not None:
            soa = dns.Record_SOA(minimum=self.minimum)
            authority.append(dns.RRHeader("example", dns.SOA, payload=soa, ttl=3600))
        if records is None:
            message = dns.Message(rCode=dns.ENAME)
            message.authority = authority
            return fail(DNSNameError(message))
        found = [record for record in records if dns.QUERY_TYPES[record.TYPE] == kind]
        strange = [dns.RRHeader(owner, r.TYPE, payload=r, ttl=TTL) for owner, r in self.strange]
        if not found:
            return succeed((strange, authority, []))
        alias = dns.RRHeader(name, dns.CNAME, payload=dns.Record_CNAME("x.example"), ttl=TTL)
        return succeed(([*strange, alias, *(dns.RRHeader(name, r.TYPE, payload=r, ttl=TTL) for r in found)], [], []))


def fakeRecords(clock: Clock, names: FakeNames, hostsFile: str = "/dev/null") -> Records:
    return Records(clock, names=names, hostsFile=hostsFile)
