"""Tests for L{ichatgw.net.localaddresses}."""

from __future__ import annotations

from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses


def adapters(*addresses: str) -> list[SimpleNamespace]:
    """As C{ifaddr} lists them: IPv4 a text, IPv6 a triple."""
    return [SimpleNamespace(ips=[SimpleNamespace(ip=(a, 0, 2) if ":" in a else a) for a in addresses])]


class TowardsTests(SynchronousTestCase):
    """The address that a far host sees."""

    def test_configured(self) -> None:
        """The configured address is the one for every host of its family."""
        self.assertEqual(LocalAddresses("192.0.2.10").towards("198.51.100.7"), "192.0.2.10")
        self.assertEqual(LocalAddresses("2001:db8::10").towards("2001:db8::7"), "2001:db8::10")

    def test_otherFamily(self) -> None:
        """A host of the other family cannot be reached from the configured address."""
        for ours, theirs in (("192.0.2.10", "2001:db8::7"), ("2001:db8::10", "192.0.2.7")):
            error = self.assertRaises(OSError, LocalAddresses(ours).towards, theirs)
            self.assertIn("IPAddress", str(error))

    def test_routed(self) -> None:
        """Otherwise the routing table says it: loopback sees loopback."""
        self.assertEqual(LocalAddresses().towards("127.0.0.1"), "127.0.0.1")

    def test_noRoute(self) -> None:
        """A host that cannot be is an C{OSError}, each time it is asked for."""
        addresses = LocalAddresses()
        for _ in range(2):
            self.assertRaises(OSError, addresses.towards, "255.255.255.255")

    def test_reaches(self) -> None:
        """So it is known beforehand which hosts can be reached."""
        addresses = LocalAddresses("192.0.2.10")
        self.assertEqual([addresses.reaches(host) for host in ("198.51.100.7", "2001:db8::7")], [True, False])

    def test_remembered(self) -> None:
        """An answer is remembered until somebody says that it shall be forgotten."""
        addresses = LocalAddresses()
        addresses.towards("127.0.0.1")
        addresses._known["127.0.0.1"] = "192.0.2.99"
        self.assertEqual(addresses.towards("127.0.0.1"), "192.0.2.99")
        addresses.forget()
        self.assertEqual(addresses.towards("127.0.0.1"), "127.0.0.1")

    def test_bounded(self) -> None:
        """However many hosts there are, memory is bounded."""
        addresses = LocalAddresses()
        for number in range(1100):
            addresses.towards(f"127.0.{number // 250}.{number % 250 + 1}")
        self.assertTrue(0 < len(addresses._known) <= 1024)


class AdvertisedTests(SynchronousTestCase):
    """The address that a router in front of us has for us."""

    def test_outside(self) -> None:
        """Hosts in the Internet see the advertised address of their family, those on our side of the router ours."""
        addresses = LocalAddresses("10.0.0.5", advertised=("8.8.4.4", "2001:4860::1"))
        self.assertEqual(addresses.towards("9.9.9.9"), "8.8.4.4")
        for inside in ("10.1.2.3", "192.168.0.1", "127.0.0.1", "169.254.1.1", "100.64.0.1"):
            self.assertEqual(addresses.towards(inside), "10.0.0.5", inside)
        self.assertRaises(OSError, addresses.towards, "2620:fe::fe")

    def test_routed(self) -> None:
        """Without a configured address the routing table says what those inside see."""
        addresses = LocalAddresses(advertised=("8.8.4.4",))
        self.assertEqual(addresses.towards("127.0.0.1"), "127.0.0.1")
        self.assertEqual(addresses.towards("9.9.9.9"), "8.8.4.4")

    def test_all(self) -> None:
        """Others are told both."""
        self.assertEqual(LocalAddresses("10.0.0.5", advertised=("8.8.4.4",)).all(), ("10.0.0.5", "8.8.4.4"))
        routed = LocalAddresses("", lambda: adapters("10.0.0.5"), ("8.8.4.4",))
        self.assertEqual(routed.all(), ("10.0.0.5", "8.8.4.4"))


class AllTests(SynchronousTestCase):
    """The addresses that others can be told."""

    def test_configured(self) -> None:
        """A configured address is the only one."""
        self.assertEqual(LocalAddresses("192.0.2.10", lambda: adapters("198.51.100.1")).all(), ("192.0.2.10",))

    def test_usable(self) -> None:
        """Loopback and link-local addresses are of no use to others; order is kept."""
        found = adapters("127.0.0.1", "::1", "fe80::1", "169.254.1.1", "192.0.2.10", "2001:db8::10")
        self.assertEqual(LocalAddresses("", found.copy).all(), ("192.0.2.10", "2001:db8::10"))

    def test_onlyLoopback(self) -> None:
        """A host without a network has loopback."""
        for found in (adapters("127.0.0.1", "::1"), adapters()):
            self.assertEqual(LocalAddresses("", found.copy).all(), ("127.0.0.1",))

    def test_system(self) -> None:
        """What this host says of itself are literals."""
        for host in LocalAddresses().all():
            TransportAddress(host, 1)
