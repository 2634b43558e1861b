# -*- test-case-name: ichatgw.test.calls.test_admission -*-
"""
Who may call.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import cast

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.calls.admission import Doorman
from ichatgw.config.reading.kinds import NETWORKS
from ichatgw.interfaces import IArrivals, IInvitations
from ichatgw.model import EndReason, TransportAddress
from ichatgw.net.networks import PRIVATE
from ichatgw.sip.leg.inbound import InboundSipLeg
from ichatgw.test.support.fakes import NOT_ALLOWED, OFFER, FakeArrivals, FakeLeg
from ichatgw.test.support.sip.sipwire import PHONE, Rig, request, status


class NetworkLeg(FakeLeg):
    """A leg that came over the network."""

    source = PHONE


class DoormanTests(SynchronousTestCase):
    """L{Doorman}."""

    def setUp(self) -> None:
        self.arrivals = FakeArrivals()
        self.doorman = Doorman(Clock(), PRIVATE, self.arrivals)

    def arrive(self, host: str) -> FakeLeg:
        leg = NetworkLeg()
        leg.source = TransportAddress(host, 5060)
        self.doorman.arrived(leg, "sip:scott@192.0.2.10", OFFER)
        return leg

    def test_interface(self) -> None:
        """It takes what arrives."""
        verifyObject(IArrivals, self.doorman)

    def test_private(self) -> None:
        """By default the hosts of the own network may call, in whatever clothes their addresses come."""
        hosts = (
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "::1",
            "fd00::1",
            "fe80::1%eth0",
            "::ffff:10.0.0.1",
        )
        for host in hosts:
            self.arrive(host)
        self.assertEqual(len(self.arrivals.arrivals), len(hosts))

    def test_strangers(self) -> None:
        """All others are refused, and the switch does not hear of them."""
        for host in ("203.0.113.7", "172.32.0.1", "2001:db8::1", "::ffff:203.0.113.7"):
            self.assertEqual([ending.reason for ending in self.arrive(host).hangups], [EndReason.FORBIDDEN])
        self.assertEqual(self.arrivals.arrivals, [])

    def test_notFromTheNetwork(self) -> None:
        """A call that came over XMPP is not judged here."""
        self.doorman.arrived(FakeLeg(), "xmpp:72@gw.example", OFFER)
        self.assertEqual(len(self.arrivals.arrivals), 1)

    def test_log(self) -> None:
        """A refusal is one line that names leg, caller, source and setting; a flood is not a line each."""
        with capturedLogs() as events:
            for _ in range(100):
                self.arrive("203.0.113.7")
        lines = [formatEvent(event) for event in events]
        self.assertTrue(0 < len(lines) <= 10, len(lines))
        for word in ("leg=fake-", "sip:bob@example.net", "203.0.113.7:5060", "AllowedSIPPeers"):
            self.assertIn(word, lines[0])

    def test_privateIsSaid(self) -> None:
        """What the word C{private} may mean behind a proxy is said when it is set, as at the start; else nothing is."""
        for networks, lines in ((PRIVATE, 1), ((*PRIVATE, ip_network("192.0.2.1")), 1), (PRIVATE[:3], 0), ((), 0)):
            with capturedLogs() as events:
                self.doorman.open(networks)
            self.assertEqual([("Docker" in str(formatEvent(event))) for event in events], [True] * lines)

    def test_overTheWire(self) -> None:
        """A stranger's INVITE is answered 403, and leaves nothing."""
        rig = Rig()
        doorman = Doorman(rig.clock, [ip_network("198.51.100.0/24")], self.arrivals)
        rig.endpoint.admit(doorman.admits)

        class Invitations:
            invited = staticmethod(lambda leg, called, offer, invitation: doorman.arrived(leg, called, offer))
            objection = staticmethod(lambda invitation: NOT_ALLOWED)

        rig.endpoint.invitations = cast(IInvitations, Invitations())
        self.assertEqual([status(m) for m in rig.receive(request("INVITE"))], [403])
        self.assertEqual(rig.endpoint.legs, frozenset())
        rig.receive(request("INVITE", callId="2"), TransportAddress("198.51.100.9", PHONE.port))
        ((leg, _, _),) = self.arrivals.arrivals
        self.assertIsInstance(leg, InboundSipLeg)


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
