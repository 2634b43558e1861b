# -*- test-case-name: ichatgw.test.test_sip_resolver -*-
"""
From names to addresses.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.error import DomainError
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.sip.resolver import MOST_KNOWN, Resolver, Unresolved


class FakeNames:
    """Answers from a table; what is not in it does not exist."""

    def __init__(self, **table: str) -> None:
        self.table = table
        self.asked: list[str] = []
        self.waiting: Deferred[Any] | None = None

    def lookupAddress(self, name: str, timeout: Any = None) -> Deferred[Any]:
        return self._answer(name, "A", dns.Record_A)

    def lookupIPV6Address(self, name: str, timeout: Any = None) -> Deferred[Any]:
        return self._answer(name, "AAAA", dns.Record_AAAA)

    def _answer(self, name: str, kind: str, record: Any) -> Deferred[Any]:
        self.asked.append(f"{kind} {name}")
        if self.waiting is not None:
            return self.waiting
        address = self.table.get(f"{name.partition('.')[0]}_{kind}")
        if address is None:
            return fail(DomainError())
        headers = [
            dns.RRHeader(name, dns.CNAME, payload=dns.Record_CNAME("x.example"), ttl=60),
            dns.RRHeader(name, getattr(dns, kind), payload=record(address), ttl=60),
        ]
        return succeed((headers, [], []))


class ResolverTests(SynchronousTestCase):
    """L{Resolver}."""

    def make(self, preferIPv6: bool = False, **table: str) -> None:
        self.clock = Clock()
        self.names = FakeNames(**table)
        self.resolver = Resolver(self.clock, preferIPv6=preferIPv6, names=self.names)

    def resolve(self, host: str, port: int | None = None) -> TransportAddress:
        return self.successResultOf(self.resolver.resolve(host, port))

    def test_literal(self) -> None:
        """A literal is itself, at once, with SIP's own port if it has none."""
        self.make()
        self.assertEqual(self.resolve("192.0.2.1", 5062), TransportAddress("192.0.2.1", 5062))
        self.assertEqual(self.resolve("[2001:db8::1]"), TransportAddress("2001:db8::1", 5060))
        self.assertEqual(self.names.asked, [])

    def test_name(self) -> None:
        """A name is asked for as A, and as AAAA if there is no A; or the other way."""
        both = {"pbx_A": "192.0.2.1", "pbx_AAAA": "2001:db8::1", "six_AAAA": "2001:db8::6"}
        self.make()
        self.names.table = both
        self.assertEqual(self.resolve("pbx.example"), TransportAddress("192.0.2.1", 5060))
        self.assertEqual(self.resolve("six.example"), TransportAddress("2001:db8::6", 5060))
        self.make(preferIPv6=True)
        self.names.table = both
        self.assertEqual(self.resolve("pbx.example"), TransportAddress("2001:db8::1", 5060))

    def test_remembered(self) -> None:
        """An answer is remembered for its time to live, whatever the letters' case."""
        self.make(pbx_A="192.0.2.1")
        self.resolve("pbx.example")
        self.resolve("PBX.example", 5062)
        self.assertEqual(self.names.asked, ["A pbx.example"])
        self.clock.advance(61)
        self.resolve("pbx.example")
        self.assertEqual(len(self.names.asked), 2)

    def test_bounded(self) -> None:
        """Not every name ever asked for is remembered."""
        self.make()
        self.names.table = {f"h{n}_A": "192.0.2.1" for n in range(MOST_KNOWN + 10)}
        for n in range(MOST_KNOWN + 10):
            self.resolve(f"h{n}.example")
        self.assertTrue(len(self.resolver._known) <= MOST_KNOWN)

    def test_unresolved(self) -> None:
        """What has no address, is too long or is nothing, fails."""
        self.make()
        for host in ("nobody.example", "", "a" * 254):
            self.failureResultOf(self.resolver.resolve(host, None), Unresolved)

    def test_cancel(self) -> None:
        """Who no longer wants the answer may say so."""
        self.make()
        cancelled: list[object] = []
        self.names.waiting = Deferred(cancelled.append)
        asked = self.resolver.resolve("slow.example", None)
        asked.addErrback(lambda failure: None)
        asked.cancel()
        self.assertEqual(len(cancelled), 1)
        self.assertEqual(self.names.asked, ["A slow.example"])

    def test_system(self) -> None:
        """Without names of one's own the hosts file is asked first."""
        resolver = Resolver(Clock(), ["127.0.0.1"])
        self.assertEqual(self.successResultOf(resolver.resolve("localhost", 5062)).port, 5062)
