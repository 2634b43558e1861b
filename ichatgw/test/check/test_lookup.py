"""Tests for L{ichatgw.check.lookup}."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.check.lookup import addressesOf
from ichatgw.net.dns import AAAA, A, Unanswered


class LookupTests(SynchronousTestCase):
    """L{addressesOf}."""

    def setUp(self) -> None:
        self.hosts: dict[int, tuple[str, ...]] = {}
        self.known: dict[int, Any] = {A: succeed(()), AAAA: succeed(())}

    def local(self, name: str, kind: int) -> tuple[str, ...]:
        return self.hosts.get(kind, ())

    def lookUp(self, name: str, kind: int) -> Any:
        return self.known[kind]

    def find(self, host: str = "xmpp.example.com") -> Deferred[list[str]]:
        records: Any = self
        return Deferred.fromCoroutine(addressesOf(records, host))

    def test_literal(self) -> None:
        """An address is not looked up."""
        self.assertEqual(self.successResultOf(self.find("2001:db8::1")), ["2001:db8::1"])

    def test_hostsFile(self) -> None:
        """The hosts file goes before the DNS."""
        self.hosts = {A: ("127.0.0.1", "127.0.0.1"), AAAA: ("::1",)}
        self.assertEqual(self.successResultOf(self.find()), ["127.0.0.1", "::1"])

    def test_both(self) -> None:
        """The addresses of both families count, those of IPv4 first; one family that is not told of is no fault."""
        self.known = {A: succeed((dns.Record_A("192.0.2.1"),)), AAAA: succeed((dns.Record_AAAA("2001:db8::1"),))}
        self.assertEqual(self.successResultOf(self.find()), ["192.0.2.1", "2001:db8::1"])
        self.known = {A: succeed((dns.Record_A("192.0.2.1"),)), AAAA: fail(Unanswered("no answer"))}
        self.assertEqual(self.successResultOf(self.find()), ["192.0.2.1"])

    def test_none(self) -> None:
        """A name without an address has none; whether it has one may also not be told."""
        self.assertEqual(self.successResultOf(self.find()), [])
        self.known[A] = fail(Unanswered("no answer"))
        self.failureResultOf(self.find(), Unanswered)
