# -*- test-case-name: ichatgw.test.net.test_dns -*-
"""
DNS records are asked for once, and remembered.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs
from twisted.names import client, dns, error
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.net.dns import (
    AAAA,
    MAX_KNOWN,
    NAPTR,
    NOTHING_LIFE,
    SILENCE_LIFE,
    SRV,
    STALE_LIFE,
    TIMEOUTS,
    A,
    Records,
    Unanswered,
    address,
)
from ichatgw.test.support.names import TTL, FakeNames, a, aaaa, fakeRecords, srv


class RecordsTests(SynchronousTestCase):
    """L{Records}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.names = FakeNames()
        self.names.table = {
            "pbx.example": [a("192.0.2.1"), a("192.0.2.2"), aaaa("2001:db8::1")],
            "_sip._udp.example": [srv("pbx.example", 5070)],
        }
        self.records = fakeRecords(self.clock, self.names)

    def lookUp(self, name: str, kind: int) -> tuple[Any, ...]:
        return self.successResultOf(self.records.lookUp(name, kind))

    def test_found(self) -> None:
        """All records of the kind are given, and no others."""
        self.assertEqual([address(each) for each in self.lookUp("pbx.example", A)], ["192.0.2.1", "192.0.2.2"])
        self.assertEqual([address(each) for each in self.lookUp("pbx.example", AAAA)], ["2001:db8::1"])
        self.assertEqual([each.port for each in self.lookUp("_sip._udp.example", SRV)], [5070])
        self.assertEqual(self.lookUp("pbx.example", NAPTR), ())

    def test_remembered(self) -> None:
        """An answer holds for its time to live, however the name is spelt."""
        self.lookUp("pbx.example", A)
        self.lookUp("PBX.example.", A)
        self.assertEqual(self.names.asked, ["A pbx.example"])
        self.clock.advance(TTL + 1)
        self.lookUp("pbx.example", A)
        self.assertEqual(len(self.names.asked), 2)

    def test_nothing(self) -> None:
        """That there is nothing is remembered for as long as the zone says, or a minute."""
        for name in ("nobody.example", "_sip._udp.example"):
            self.assertEqual(self.lookUp(name, A), ())
            self.assertEqual(self.lookUp(name, A), ())
        self.assertEqual(len(self.names.asked), 2)
        self.clock.advance(NOTHING_LIFE + 1)
        self.names.minimum = 7
        self.lookUp("nobody.example", A)
        self.clock.advance(8)
        self.lookUp("nobody.example", A)
        self.assertEqual(len(self.names.asked), 4)

    def test_otherOwner(self) -> None:
        """Records of another name than the one that was asked for, or that it stands for, are not taken."""
        self.names.strange = [("evil.example", a("203.0.113.66"))]
        self.assertEqual([address(each) for each in self.lookUp("pbx.example", A)], ["192.0.2.1", "192.0.2.2"])
        self.assertEqual(self.lookUp("other.example", A), ())

    def test_aliases(self) -> None:
        """A name may stand for another one, by several steps, in any order and case; a circle ends."""
        alias = dns.Record_CNAME
        self.names.strange = [
            ("Node7.example", a("192.0.2.7")),
            ("evil.example", a("203.0.113.66")),
            ("cluster.example", alias("node7.example")),
            ("PBX2.example", alias("Cluster.example")),
            ("node7.example", alias("pbx2.example")),
        ]
        self.names.table["pbx2.example"] = []
        self.assertEqual([address(each) for each in self.lookUp("pbx2.example", A)], ["192.0.2.7"])

    def test_stale(self) -> None:
        """While the name servers are dead a name is where it was last, for a day; that is said, and they are asked."""
        self.lookUp("pbx.example", A)
        self.names.silent.add("pbx.example")
        self.clock.advance(TTL + 1)
        with capturedLogs() as events:
            for _ in range(3):
                self.assertEqual(len(self.lookUp("pbx.example", A)), 2)
                self.clock.advance(SILENCE_LIFE + 1)
        self.assertEqual(len(self.names.asked), 4)
        self.assertEqual([event["log_level"] for event in events].count(LogLevel.warn), 1)
        self.names.silent.clear()
        self.names.table["pbx.example"] = [a("192.0.2.9")]
        self.assertEqual([address(each) for each in self.lookUp("pbx.example", A)], ["192.0.2.9"])
        self.names.silent.add("pbx.example")
        self.clock.advance(TTL + STALE_LIFE + 1)
        self.failureResultOf(self.records.lookUp("pbx.example", A), Unanswered)

    def test_gone(self) -> None:
        """A name that is there no more, as the name servers say, is not where it was."""
        self.lookUp("pbx.example", A)
        del self.names.table["pbx.example"]
        self.clock.advance(TTL + 1)
        self.assertEqual(self.lookUp("pbx.example", A), ())

    def test_silence(self) -> None:
        """Name servers that do not answer are left alone for a moment."""
        self.names.silent.add("pbx.example")
        for _ in range(3):
            self.failureResultOf(self.records.lookUp("pbx.example", A), Unanswered)
        self.assertEqual(len(self.names.asked), 1)
        self.clock.advance(SILENCE_LIFE + 1)
        self.names.silent.clear()
        self.assertEqual(len(self.lookUp("pbx.example", A)), 2)

    def test_words(self) -> None:
        """Why they say nothing is told in words, and never by the name of an exception."""
        message = dns.Message()
        for problem, words in (
            (error.DNSQueryTimeoutError(1), "no answer"),
            (error.DNSQueryRefusedError(message), "they refuse to answer"),
            (error.DNSServerError(message), "they have failed"),
            (error.DNSFormatError(message), "no answer that can be read"),
            (OSError(101, "Network is unreachable"), "they cannot be reached"),
            (ConnectionRefusedError(111, "refused"), "they cannot be reached"),
            (ValueError("odd"), "no answer that can be read"),
        ):
            self.setUp()
            self.names.problems["pbx.example"] = problem
            failed = self.failureResultOf(self.records.lookUp("pbx.example", A), Unanswered)
            self.assertEqual(str(failed.value), words)

    def test_together(self) -> None:
        """Who asks for the same at the same time shares the query; one who leaves takes nothing from the others."""
        self.names.held = []
        asked = [self.records.lookUp("pbx.example", A) for _ in range(3)]
        asked[0].cancel()
        self.failureResultOf(asked[0], CancelledError)
        self.assertEqual(len(self.names.asked), 1)
        self.names.release()
        for each in asked[1:]:
            self.assertEqual(len(self.successResultOf(each)), 2)

    def test_leftAlone(self) -> None:
        """An answer that nobody waits for any more is remembered all the same."""
        self.names.held = []
        asked = self.records.lookUp("pbx.example", A)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.names.release()
        self.assertEqual(len(self.lookUp("pbx.example", A)), 2)
        self.assertEqual(len(self.names.asked), 1)

    def test_bounded(self) -> None:
        """Not every name ever asked for is remembered."""
        for number in range(MAX_KNOWN + 10):
            self.lookUp(f"h{number}.example", A)
        self.assertTrue(len(self.records._known) <= MAX_KNOWN)

    def test_noNames(self) -> None:
        """What can be no name does not exist."""
        resolver = Records(Clock(), [TransportAddress("127.0.0.1", 53)], hostsFile="/dev/null")
        for name in ("a" * 64 + ".example", "..", "ü" * 60):
            self.assertEqual(resolver.local(name, A), ())
            self.assertEqual(self.successResultOf(resolver.lookUp(name, A)), (), name)

    def test_misled(self) -> None:
        """An answer that makes no sense is no answer."""
        header: Any = dns.RRHeader("pbx.example", dns.A, payload=dns.Record_A("192.0.2.1"), ttl=60)
        header.ttl = "soon"

        class Misleading(FakeNames):
            def query(self, query: Any, timeout: Any = None) -> Deferred[Any]:
                return succeed(([header], [], []))

        self.records = fakeRecords(self.clock, Misleading())
        self.failureResultOf(self.records.lookUp("pbx.example", A), Unanswered)

    def test_hostsFile(self) -> None:
        """The hosts file is read for both families; one that is not there has no names."""
        path = self.mktemp()
        with open(path, "w") as hosts:
            hosts.write("192.0.2.9 phone\n2001:db8::9 phone\n")
        local = Records(Clock(), hostsFile=path)
        self.assertEqual(local.local("phone", A), ("192.0.2.9",))
        self.assertEqual(local.local("phone", AAAA), ("2001:db8::9",))
        self.assertEqual(Records(Clock(), hostsFile=self.mktemp()).local("phone", A), ())

    def test_servers(self) -> None:
        """Those whom we are given are asked in their order, and nobody else (C{DNSServers} overrides the system)."""
        asked: list[Any] = []

        class Asked(client.Resolver):
            def __init__(self, resolv: Any = None, servers: Any = None, **more: Any) -> None:
                asked.append((resolv, servers))
                super().__init__(resolv, servers, **more)

            def query(self, query: Any, timeout: Any = None) -> Deferred[Any]:
                return succeed(([], [], []))

        self.patch(client, "Resolver", Asked)
        reactor = MemoryReactorClock()
        for servers in ((TransportAddress("192.0.2.1", 53), TransportAddress("2001:db8::1", 5353)), ()):
            Records(reactor, servers, hostsFile="/dev/null").lookUp("x.example", A)
        (none, given), (system, nobody) = asked
        self.assertEqual((none, given), (None, [("192.0.2.1", 53), ("2001:db8::1", 5353)]))
        self.assertEqual((system, nobody), ("/etc/resolv.conf", None))

    def test_patience(self) -> None:
        """A dead name server costs a lookup a few seconds, no more."""
        self.assertTrue(sum(TIMEOUTS) <= 4)
