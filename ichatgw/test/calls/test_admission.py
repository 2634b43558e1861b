# -*- test-case-name: ichatgw.test.calls.test_admission -*-
"""
Who may call.
"""

from __future__ import annotations

from ipaddress import ip_network

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.admission import AccessControl
from ichatgw.config.reading.kinds import NETWORKS
from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.net.networks import PRIVATE
from ichatgw.test.support.fakes import FakeMatcher
from ichatgw.test.support.sip.sipwire import PHONE, Rig, request, status


class AccessTests(SynchronousTestCase):
    """L{AccessControl}."""

    def test_private(self) -> None:
        """By default the hosts of the own network may call, however their addresses are written."""
        access = AccessControl(PRIVATE)
        for host in (
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "::1",
            "fd00::1",
            "fe80::1%eth0",
            "::ffff:10.0.0.1",
        ):
            self.assertTrue(access.admits(host), host)

    def test_strangers(self) -> None:
        """All others may not, unless somebody trusts them."""
        access = AccessControl(PRIVATE, lambda host: host == "203.0.113.8")
        for host in ("203.0.113.7", "172.32.0.1", "2001:db8::1", "::ffff:203.0.113.7"):
            self.assertFalse(access.admits(host), host)
        self.assertTrue(access.admits("203.0.113.8"))

    def test_privateIsSaid(self) -> None:
        """What the word C{private} may mean behind a proxy is said when it is set, as at the start; else nothing is."""
        access = AccessControl(())
        for networks, lines in ((PRIVATE, 1), ((*PRIVATE, ip_network("192.0.2.1")), 1), (PRIVATE[:3], 0), ((), 0)):
            with capturedLogs() as events:
                access.open(networks)
            self.assertEqual([("Docker" in str(formatEvent(event))) for event in events], [True] * lines)

    def test_overTheWire(self) -> None:
        """
        A stranger's INVITE is answered 403, and leaves nothing: no leg, and nothing that arrives.  That of a host that
        may call arrives, and no matcher has a part in it.
        """
        rig = Rig()
        access = AccessControl([ip_network("198.51.100.0/24")])
        rig.endpoint.admit(access.admits)
        rig.endpoint.matchers[:] = [matcher := FakeMatcher()]
        self.assertEqual([status(m) for m in rig.receive(request("INVITE"))], [403])
        self.assertEqual((rig.endpoint.legs, rig.invitations.arrivals), (frozenset(), []))
        host = TransportAddress("198.51.100.9", PHONE.port)
        rig.receive(request("INVITE", callId="2"), host)
        (arrival,) = rig.invitations.arrivals
        self.assertEqual((arrival.source, arrival.party.origin), (host, host.host))
        self.assertEqual(matcher.invitations, [])

    def test_claimed(self) -> None:
        """An INVITE that a matcher claims is its own, wherever it comes from; it never becomes a call."""
        rig = Rig()
        rig.endpoint.matchers[:] = [FakeMatcher("another"), matcher := FakeMatcher()]
        extra = f"User-Agent: {matcher.mine}\r\n"
        inside, stranger = TransportAddress("10.0.0.7", 5060), TransportAddress("203.0.113.7", 5060)
        for number, (admits, source) in enumerate(((True, inside), (False, stranger))):
            rig.endpoint.admit(AccessControl(PRIVATE if admits else (), lambda host: False).admits)
            rig.receive(request("INVITE", callId=str(number), branch=str(number), extra=extra), source)
        self.assertEqual([each.source for _, each in matcher.invitations], [inside, stranger])
        self.assertEqual(rig.invitations.arrivals, [])
        matcher.refusal = Ending(EndReason.NOT_FOUND, "no such call")
        sent = rig.receive(request("INVITE", callId="3", branch="3", extra=extra), stranger)
        self.assertEqual([status(message) for message in sent], [404])


class NetworksTests(SynchronousTestCase):
    """How networks are written."""

    def test_words(self) -> None:
        """C{private} and C{any} are words for lists; hosts and networks may stand beside them."""
        self.assertEqual(NETWORKS.parse("private"), PRIVATE)
        self.assertEqual(NETWORKS.show(NETWORKS.parse("Private")), "private")
        self.assertEqual(NETWORKS.show(NETWORKS.parse("any")), "any")
        self.assertEqual(NETWORKS.show(NETWORKS.parse("192.0.2.9/24, 2001:db8::1")), "192.0.2.0/24, 2001:db8::1/128")
        self.assertEqual(NETWORKS.parse("private 192.0.2.1")[:-1], PRIVATE)
        for wrong in ("192.0.2.0/33", "phone.example", "192.0.2"):
            self.assertRaises(ValueError, NETWORKS.parse, wrong)
