# -*- test-case-name: ichatgw.test.sip.transport.test_resolver -*-
"""
From URIs to targets, as RFC 3263 has it.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.net.names import SECOND_FAMILY_WAIT
from ichatgw.sip.transport.resolver import (
    DEAD_TIME,
    MAX_SEARCH,
    MAX_TARGETS,
    Resolver,
    Unresolved,
)
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.support.names import FakeNames, a, aaaa, fakeRecords, naptr, srv

UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS


def shown(target: Target) -> str:
    return f"{target.transport.name} {target.address}"


class ResolverTests(SynchronousTestCase):
    """L{Resolver}."""

    def setUp(self) -> None:
        self.make()

    def make(
        self,
        preferIPv6: bool = False,
        transports: Sequence[Transport] = (UDP, TCP, TLS),
        hostsFile: str = "/dev/null",
        draw: int = 0,
    ) -> None:
        self.clock = Clock()
        self.names = FakeNames()
        records = fakeRecords(self.clock, self.names, hostsFile)
        self.resolver = Resolver(self.clock, records, preferIPv6, transports, lambda below: min(draw, below - 1))
        self.names.table = {
            "pbx.example": [a("192.0.2.1"), aaaa("2001:db8::1")],
            "one.example": [a("192.0.2.11")],
            "two.example": [a("192.0.2.12")],
            "six.example": [aaaa("2001:db8::6")],
        }

    def targets(
        self, host: str, port: int | None = None, transport: Transport | None = None, secure: bool = False
    ) -> list[str]:
        return [shown(each) for each in self.successResultOf(self.resolver.targets(host, port, transport, secure))]

    def refused(self, host: str, port: int | None = None, transport: Transport | None = None) -> str:
        return str(self.failureResultOf(self.resolver.targets(host, port, transport), Unresolved).value)

    def test_literal(self) -> None:
        """A literal is itself, at once, with the port of its transport if it has none."""
        self.assertEqual(self.targets("192.0.2.1", 5062), ["UDP 192.0.2.1:5062"])
        self.assertEqual(self.targets("[2001:db8::1]"), ["UDP [2001:db8::1]:5060"])
        self.assertEqual(self.targets("192.0.2.1", None, TCP), ["TCP 192.0.2.1:5060"])
        self.assertEqual(self.targets("192.0.2.1", secure=True), ["TLS 192.0.2.1:5061"])
        self.assertEqual(self.names.asked, [])

    def test_port(self) -> None:
        """With a port there is nothing to find out but the address (section 4.2)."""
        self.assertEqual(self.targets("one.example", 5062), ["UDP 192.0.2.11:5062"])
        self.assertEqual(self.targets("one.example", 5062, TCP), ["TCP 192.0.2.11:5062"])
        self.assertEqual(self.targets("one.example", 5062, secure=True), ["TLS 192.0.2.11:5062"])
        self.assertEqual(set(self.names.asked), {"A one.example", "AAAA one.example"})

    def test_families(self) -> None:
        """The addresses of both families are given, the preferred first."""
        self.assertEqual(self.targets("pbx.example", 5060), ["UDP 192.0.2.1:5060", "UDP [2001:db8::1]:5060"])
        self.assertEqual(self.targets("six.example", 5060), ["UDP [2001:db8::6]:5060"])
        self.make(preferIPv6=True)
        self.assertEqual(self.targets("pbx.example", 5060), ["UDP [2001:db8::1]:5060", "UDP 192.0.2.1:5060"])
        self.assertEqual(self.targets("one.example", 5060), ["UDP 192.0.2.11:5060"])

    def test_slowFamily(self) -> None:
        """With an address of the preferred family the other is hardly waited for; without one it is."""
        for answered, other in (("A pbx.example", "AAAA"), ("AAAA pbx.example", "A")):
            self.make()
            self.names.held = []
            asked = self.resolver.targets("pbx.example", 5060)
            index = self.names.asked.index(answered)
            self.names.held[index].callback(None)
            self.clock.advance(SECOND_FAMILY_WAIT + 0.01)
            if other == "AAAA":
                self.assertEqual([shown(each) for each in self.successResultOf(asked)], ["UDP 192.0.2.1:5060"])
            else:
                self.assertNoResult(asked)

    def test_oneFamilySilent(self) -> None:
        """One family's silence does not hide the other."""
        self.names.silent.add("A pbx.example")
        self.assertEqual(self.targets("pbx.example", 5060), ["UDP [2001:db8::1]:5060"])
        self.make()
        self.names.silent.add("AAAA pbx.example")
        self.assertEqual(self.targets("pbx.example", 5060), ["UDP 192.0.2.1:5060"])

    def test_plainHost(self) -> None:
        """A host without NAPTR and SRV is called at the port of SIP, over UDP if nothing is said."""
        self.assertEqual(self.targets("one.example"), ["UDP 192.0.2.11:5060"])
        self.assertEqual(self.targets("one.example", None, TCP), ["TCP 192.0.2.11:5060"])
        self.assertEqual(self.targets("one.example", secure=True), ["TLS 192.0.2.11:5061"])

    def test_srv(self) -> None:
        """SRV records give hosts and ports, in the order of their priority."""
        self.names.table["_sip._udp.example.com"] = [
            srv("two.example", 5072, priority=20),
            srv("one.example", 5071, priority=10),
        ]
        self.assertEqual(self.targets("example.com"), ["UDP 192.0.2.11:5071", "UDP 192.0.2.12:5072"])

    def test_srvForTransport(self) -> None:
        """If the URI names a transport, only its SRV records count; a C{sips} URI asks for C{_sips._tcp}."""
        self.names.table["_sip._udp.example.com"] = [srv("one.example", 5071)]
        self.names.table["_sip._tcp.example.com"] = [srv("two.example", 5072)]
        self.names.table["_sips._tcp.example.com"] = [srv("two.example", 5073)]
        self.assertEqual(self.targets("example.com", None, TCP), ["TCP 192.0.2.12:5072"])
        self.assertNotIn("NAPTR example.com", self.names.asked)
        self.assertEqual(self.targets("example.com", secure=True), ["TLS 192.0.2.12:5073"])
        self.assertEqual(
            self.targets("example.com"), ["UDP 192.0.2.11:5071", "TCP 192.0.2.12:5072", "TLS 192.0.2.12:5073"]
        )

    def test_weights(self) -> None:
        """Among equals the draw decides; a weight of nought is drawn by a nought only."""
        records = [srv("one.example", 1, weight=0), srv("two.example", 2, weight=60)]
        for draw, first in ((0, "UDP 192.0.2.11:1"), (1, "UDP 192.0.2.12:2"), (60, "UDP 192.0.2.12:2")):
            self.make(draw=draw)
            self.names.table["_sip._udp.example.com"] = records
            targets = self.targets("example.com")
            self.assertEqual((targets[0], len(targets)), (first, 2), draw)

    def test_naptr(self) -> None:
        """NAPTR records say which transports there are, and which is liked best (section 4.1)."""
        self.names.table["example.com"] = [
            naptr("SIP+D2U", "_sip._udp.elsewhere.example", order=50),
            naptr("sips+d2t", "_sips._tcp.elsewhere.example", order=10, preference=20),
            naptr("SIP+D2T", "_sip._tcp.elsewhere.example", order=10, preference=10),
            naptr("SIP+D2S", "_sip._sctp.elsewhere.example", order=1),
            naptr("E2U+sip", "nothing.example", order=2, flags="u"),
        ]
        self.names.table["_sip._udp.elsewhere.example"] = [srv("one.example", 5060)]
        self.names.table["_sips._tcp.elsewhere.example"] = [srv("one.example", 5061)]
        self.names.table["_sip._tcp.elsewhere.example"] = [srv("two.example", 5060)]
        targets = self.targets("example.com")
        self.assertEqual(targets, ["TCP 192.0.2.12:5060", "TLS 192.0.2.11:5061", "UDP 192.0.2.11:5060"])
        self.assertNotIn("SRV _sip._udp.example.com", self.names.asked)
        self.assertEqual(self.targets("example.com", secure=True), ["TLS 192.0.2.11:5061"])
        self.assertNotIn("SRV _sips._tcp.example.com", self.names.asked)

    def test_onlyWhatWeHave(self) -> None:
        """What we do not serve is not called."""
        self.make(transports=(UDP,))
        self.names.table["example.com"] = [naptr("SIP+D2T", "_sip._tcp.example.com"), a("192.0.2.7")]
        self.names.table["_sip._tcp.example.com"] = [srv("two.example", 5060)]
        self.assertEqual(self.targets("example.com"), ["UDP 192.0.2.7:5060"])
        self.assertIn("TCP", self.refused("one.example", None, TCP))
        self.assertIn("TLS", self.refused("192.0.2.1", None, TLS))

    def test_nameToVerify(self) -> None:
        """A certificate has to name the domain that was called, not the host that SRV led to (RFC 5922)."""
        self.names.table["_sips._tcp.example.com"] = [srv("two.example", 5061)]
        targets = self.successResultOf(self.resolver.targets("Example.COM.", secure=True))
        self.assertEqual([each.name for each in targets], ["example.com"])

    def test_noService(self) -> None:
        """An SRV record whose target is the root says that there is no such service (RFC 2782)."""
        self.names.table["_sip._udp.example.com"] = [srv("", 0)]
        self.names.table["example.com"] = [a("192.0.2.7")]
        self.assertIn("no such service", self.refused("example.com"))

    def test_deadDNS(self) -> None:
        """Name servers that say nothing end the call that needs them, with these words."""
        self.names.silent |= {
            "example.com",
            "_sip._udp.example.com",
            "_sip._tcp.example.com",
            "_sips._tcp.example.com",
        }
        self.assertIn("name servers do not say", self.refused("example.com"))
        self.assertEqual(self.targets("192.0.2.1"), ["UDP 192.0.2.1:5060"])

    def test_endless(self) -> None:
        """However long the name servers take, the search is over some time; others are not concerned."""
        self.names.held = []
        waiting = self.resolver.targets("example.com")
        other = self.resolver.targets("192.0.2.1")
        self.assertEqual(len(self.successResultOf(other)), 1)
        self.clock.advance(MAX_SEARCH - 1)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        self.assertIn(
            "did not say in 10 s where 'example.com' is", str(self.failureResultOf(waiting, Unresolved).value)
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_halfDeafDNS(self) -> None:
        """A forwarder that drops questions it does not know does not hide the address."""
        self.names.silent |= {"NAPTR one.example", "_sip._udp.one.example"}
        self.assertEqual(self.targets("one.example"), ["UDP 192.0.2.11:5060"])

    def test_hostsFile(self) -> None:
        """Who stands in the hosts file is not asked for elsewhere; as the target of an SRV record neither."""
        path = self.mktemp()
        with open(path, "w") as hosts:
            hosts.write("192.0.2.99 pbx one.example\n")
        self.make(hostsFile=path)
        self.assertEqual(self.targets("pbx"), ["UDP 192.0.2.99:5060"])
        self.assertEqual(self.names.asked, [])
        self.names.table["_sip._udp.example.com"] = [srv("one.example", 5071)]
        self.assertEqual(self.targets("example.com"), ["UDP 192.0.2.99:5071"])

    def test_unresolved(self) -> None:
        """What has no address, is too long, is nothing, or is no host fails."""
        self.names.table["group.example"] = [a("224.0.0.1"), a("0.0.0.0")]
        for host in ("nobody.example", "", "a" * 254, "group.example", "ü.example", "a..b"):
            self.refused(host)

    def test_many(self) -> None:
        """No zone makes us try for ever."""
        self.names.table["many.example"] = [a(f"192.0.2.{number}") for number in range(200)]
        self.names.table["_sip._udp.example.com"] = [srv("many.example", port) for port in range(1, 200)]
        self.assertEqual(len(self.targets("many.example", 5060)), MAX_TARGETS)
        self.assertEqual(len(self.targets("example.com")), MAX_TARGETS)

    def test_dead(self) -> None:
        """A target that failed comes after the others, for a while."""
        self.names.table["_sip._udp.example.com"] = [
            srv("one.example", 1, priority=10),
            srv("two.example", 2, priority=20),
        ]
        first, second = self.successResultOf(self.resolver.targets("example.com"))
        self.resolver.failed(first)
        self.assertEqual(self.successResultOf(self.resolver.targets("example.com")), (second, first))
        self.clock.advance(DEAD_TIME + 1)
        self.assertEqual(self.successResultOf(self.resolver.targets("example.com")), (first, second))

    def test_deadAreForgotten(self) -> None:
        """Not every target that ever failed is remembered."""
        for number in range(1, 2000):
            self.resolver.failed(Target(UDP, TransportAddress("192.0.2.1", number)))
        self.assertTrue(len(self.resolver._dead) < 1000)

    def test_cancel(self) -> None:
        """Who no longer wants the answer may say so, at any step."""
        for steps in range(4):
            self.make()
            self.names.held = []
            asked = self.resolver.targets("example.com")
            for _ in range(steps):
                held, self.names.held = self.names.held, []
                for each in held:
                    each.callback(None)
            asked.cancel()
            if steps < 3:
                self.failureResultOf(asked, CancelledError)
            else:
                self.failureResultOf(asked, Unresolved)
