# -*- test-case-name: ichatgw.test.net.test_stunservers -*-
"""
Tests for L{ichatgw.net.stunservers}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.net.stunservers import STUNServers


class FakeRecords:
    """Knows some."""

    def __init__(self, **known: Any) -> None:
        self.known = known
        self.asked: list[str] = []

    def lookUp(self, name: str, kind: int) -> Deferred[tuple[Any, ...]]:
        self.asked.append(name)
        records = self.known.get("four" if kind == dns.A else "six", OSError())
        return fail(records) if isinstance(records, Exception) else succeed(records)


class STUNServersTests(SynchronousTestCase):
    """L{STUNServers}."""

    def found(self, records: FakeRecords, host: str = "stun.example", port: int = 0) -> list[str]:
        return [str(each) for each in self.successResultOf(STUNServers(records, host, port)())]

    def test_name(self) -> None:
        """A name has an address of each family, at the port of STUN if no other is given."""
        records = FakeRecords(
            four=(dns.Record_A("192.0.2.1"), dns.Record_A("192.0.2.2")), six=(dns.Record_AAAA("2001:db8::1"),)
        )
        self.assertEqual(self.found(records), ["192.0.2.1:3478", "[2001:db8::1]:3478"])
        self.assertEqual(self.found(records, port=19302)[0], "192.0.2.1:19302")

    def test_address(self) -> None:
        """An address is taken as it is."""
        records = FakeRecords()
        self.assertEqual(self.found(records, "2001:db8::9", 1), ["[2001:db8::9]:1"])
        self.assertEqual(records.asked, [])

    def test_nothing(self) -> None:
        """A name that is not found, or of which we are not told, is no trouble."""
        self.assertEqual(self.found(FakeRecords(four=())), [])
