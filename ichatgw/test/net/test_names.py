"""
Tests for L{ichatgw.net.names}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IReactorPluggableNameResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.net.names import HostNames, _Naming, endpointFor
from ichatgw.test.support.names import FakeNames, a, aaaa, fakeRecords


class Receiver:
    """Notes what a resolver says."""

    def __init__(self) -> None:
        self.addresses: list[Any] = []
        self.began: Any = None
        self.completed = 0

    def resolutionBegan(self, resolution: Any) -> None:
        self.began = resolution

    def addressResolved(self, address: Any) -> None:
        self.addresses.append((address.host, address.port))

    def resolutionComplete(self) -> None:
        self.completed += 1


class NamesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.names = FakeNames()
        self.hosts = self.mktemp()
        with open(self.hosts, "w") as hosts:
            hosts.write("192.0.2.7 xmpp.here\n2001:db8::7 xmpp.here\n")
        self.records = fakeRecords(self.reactor, self.names, self.hosts)


class HostNamesTests(NamesCase):
    """L{HostNames}."""

    def find(self, name: str, kinds: Any = None) -> Receiver:
        receiver: Any = Receiver()
        resolver = HostNames(self.reactor, self.records)
        self.assertTrue(verifyObject(IHostnameResolver, resolver))
        resolution = resolver.resolveHostName(receiver, name, 5275, kinds)
        self.assertTrue(verifyObject(IHostResolution, resolution))
        self.assertIs(receiver.began, resolution)
        found: Receiver = receiver
        return found

    def assertFound(self, name: str, *hosts: str, kinds: Any = None) -> None:
        receiver = self.find(name, kinds)
        self.assertEqual((receiver.addresses, receiver.completed), ([(host, 5275) for host in hosts], 1))

    def test_hostsFile(self) -> None:
        """What the hosts file names is not asked for."""
        self.assertFound("xmpp.here", "192.0.2.7", "2001:db8::7")
        self.assertFound("xmpp.here", "2001:db8::7", kinds=[IPv6Address])
        self.assertFound("xmpp.here", "192.0.2.7", kinds=[IPv4Address])
        self.assertEqual(self.names.asked, [])

    def test_localhost(self) -> None:
        """C{localhost} is this host, without a question."""
        for name in ("localhost", "LOCALHOST", "localhost."):
            self.assertFound(name, "127.0.0.1", "::1")
        self.assertEqual(self.names.asked, [])

    def test_bothFamilies(self) -> None:
        """The DNS is asked for both families."""
        self.names.table = {
            "xmpp.example": [a("192.0.2.1"), a("192.0.2.2"), aaaa("2001:db8::1")],
            "six.example": [aaaa("2001:db8::6")],
            "xn--bcher-kva.example": [a("192.0.2.3")],
        }
        self.assertFound("xmpp.example", "192.0.2.1", "192.0.2.2", "2001:db8::1")
        self.assertFound("six.example", "2001:db8::6")
        self.assertFound("b\xfccher.example", "192.0.2.3")

    def test_nothing(self) -> None:
        """What is not found, is no name, or is not answered has no address, and the one who asks hears so."""
        self.names.silent = {"silent.example"}
        self.names.problems = {"bad.example": ValueError("x")}
        for name in ("none.example", "silent.example", "bad.example", "", "a..b", "x" * 300, "\udc80.example"):
            self.assertFound(name)

    def test_domains(self) -> None:
        """A name without a dot is looked for in the system's domains too; another one is not."""
        names: Any = self.names
        names.search = [b"prod.example", b"svc.example."]
        self.names.table = {"xmpp.svc.example": [a("192.0.2.4")], "a.b.svc.example": [a("192.0.2.5")]}
        self.assertFound("xmpp", "192.0.2.4")
        self.assertFound("a.b")
        self.assertFound("none")

    def test_cancelled(self) -> None:
        """A search that is given up is over."""
        self.names.held = []
        receiver = self.find("xmpp.example")
        self.assertEqual(receiver.completed, 0)
        receiver.began.cancel()
        self.assertEqual((receiver.completed, receiver.addresses), (1, []))
        self.names.release()
        self.assertEqual(receiver.completed, 1)


class EndpointTests(NamesCase):
    """L{endpointFor}."""

    def connect(self, host: str) -> Deferred[Any]:
        return endpointFor(self.reactor, self.records, host, 5275, 5).connect(Factory.forProtocol(Protocol))

    def tried(self) -> list[tuple[str, int]]:
        return [client[:2] for client in self.reactor.tcpClients]

    def test_literals(self) -> None:
        """Addresses are used as they are."""
        for host, kind in (("192.0.2.1", TCP4ClientEndpoint), ("2001:db8::1", TCP6ClientEndpoint)):
            self.assertIsInstance(endpointFor(self.reactor, self.records, host, 1, 5), kind)

    def test_name(self) -> None:
        """All addresses of a name are tried, of both families, by the DNS without a thread."""
        self.names.table = {"xmpp.example": [a("192.0.2.1"), aaaa("2001:db8::1")]}
        connecting = self.connect("xmpp.example")
        self.reactor.advance(1)
        self.assertEqual(self.tried(), [("192.0.2.1", 5275), ("2001:db8::1", 5275)])
        self.assertNoResult(connecting)
        connecting.cancel()
        self.failureResultOf(connecting)

    def test_unknown(self) -> None:
        """A name without an address says so."""
        self.assertIn("none.example", str(self.failureResultOf(self.connect("none.example"), DNSLookupError).value))

    def test_reactor(self) -> None:
        """Another way to look names up may be installed, as in any reactor."""
        first: Any = object()
        second: Any = object()
        naming = _Naming(self.reactor, first)
        self.assertTrue(verifyObject(IReactorPluggableNameResolver, naming))
        self.assertIs(naming.installNameResolver(second), first)
        self.assertIs(naming.nameResolver, second)
