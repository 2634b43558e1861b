# -*- test-case-name: ichatgw.test.sip.dialog.test_remotetarget -*-
"""
Where the far end of a dialog is, without a dialog.
"""

from __future__ import annotations

from attrs import define, field
from sippy.SipURL import SipURL
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.sip.dialog.remotetarget import RemoteTarget
from ichatgw.sip.transport.target import Target, Transport

PLACE = TransportAddress("192.0.2.77", 5061)
OVER_TLS = Target(Transport.TLS, PLACE)
OVER_UDP = Target(Transport.UDP, PLACE)


@define
class FakeWays:
    """A way to everywhere; remembers which names were demanded."""

    opened: set[Target] = field(factory=set)
    expected: list[str] = field(factory=list)
    suggested: list[str] = field(factory=list)

    def isOpen(self, target: Target) -> bool:
        return target in self.opened

    def reaches(self, target: Target) -> bool:
        return True

    def expect(self, target: Target) -> None:
        self.expected.append(target.name)

    def suggest(self, target: Target) -> None:
        self.suggested.append(target.name)


class RemoteTargetTests(SynchronousTestCase):
    """It needs no dialog, and no sippy but for URIs and messages."""

    def setUp(self) -> None:
        self.ways = FakeWays()
        self.remote = RemoteTarget(self.ways)

    def test_unknown(self) -> None:
        """Before anything is known it is nowhere, and takes what nothing was said of if that is asked for."""
        self.assertIsNone(self.remote.hop(None, False))
        self.assertEqual(self.remote.host, "")
        self.assertEqual((self.remote.allows("INFO"), self.remote.allows("INFO", unless=False)), (True, False))

    def test_pinned(self) -> None:
        """What is pinned goes to its place over UDP, whatever its URI says."""
        remote = RemoteTarget(self.ways, PLACE)
        self.assertEqual(remote.hop(SipURL(host="elsewhere.example", port=5080), False), OVER_UDP)

    def test_proof(self) -> None:
        """
        The connection on which we called has to be the domain that was called; any other one the host that it names;
        an address proves only itself.
        """
        self.remote.aim(Target(Transport.TLS, PLACE, "sip.example"))
        url = SipURL(host="phone.example", port=5061)
        self.remote.prove(OVER_TLS, url)
        self.assertEqual((self.ways.expected, self.ways.suggested), (["sip.example"], []), "it has said nothing yet")
        self.remote.flow = OVER_TLS
        self.remote.prove(OVER_TLS, url)
        self.assertEqual(self.ways.expected, ["sip.example", "sip.example"])
        other = Target(Transport.TLS, TransportAddress("192.0.2.78", 5061))
        self.remote.prove(other, url)
        self.remote.prove(other, SipURL(host="192.0.2.78", port=5061))
        self.remote.prove(OVER_UDP, url)
        self.assertEqual(self.ways.suggested, ["phone.example"])
        self.assertEqual(len(self.ways.expected), 2)
