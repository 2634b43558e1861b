# -*- test-case-name: ichatgw.test.media.transport.test_plain -*-
"""
Tests for L{ichatgw.media.transport.plain}.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, field
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from ichatgw.errors import Congested, OutOfReach
from ichatgw.interfaces import IMediaTransport, ITransportNews
from ichatgw.media.transport.plain import MAX_ADDRESSES, NotPlain, PlainTransport, plainTransport
from ichatgw.model import (
    PCMU,
    Candidate,
    Direction,
    Ending,
    EndReason,
    Fingerprint,
    SessionDescription,
    TransportAddress,
    TransportDescription,
)
from ichatgw.test.support.media.fakerelays import FakeSide

THEIRS = TransportAddress("198.51.100.7", 4000)
CONTROL = TransportAddress("198.51.100.7", 4005)
REMOTE = TransportDescription(candidates=(Candidate("", 1, 0, THEIRS), Candidate("", 2, 0, CONTROL)), muxed=False)
MEDIA = SessionDescription((PCMU,))


@implementer(ITransportNews)
@define(eq=False)
class News:
    """Notes it."""

    said: list[str] = field(factory=list)
    endings: list[Ending] = field(factory=list)

    def candidatesFound(self, candidates: Sequence[Candidate]) -> None:
        self.said.append("found")

    def connected(self) -> None:
        self.said.append("connected")

    def failed(self, ending: Ending) -> None:
        self.said.append("failed")
        self.endings.append(ending)


class PlainTests(SynchronousTestCase):
    """Plain RTP."""

    def setUp(self) -> None:
        self.ours = ["192.0.2.10", "2001:db8::10"]
        self.side, self.news = FakeSide(), News()
        self.opened = 0

    def make(self, remote: TransportDescription | None = None) -> PlainTransport:
        return plainTransport(self.side, self.news, remote, self.ours, self.opens)

    def opens(self) -> None:
        self.assertEqual(self.side.remotes, [])
        self.opened += 1

    def test_interfaces(self) -> None:
        """They are what a Jingle leg needs."""
        verifyObject(ITransportNews, self.news)
        verifyObject(IMediaTransport, self.make())

    def test_offer(self) -> None:
        """Who is called is told all our addresses, with RTCP at the port above."""
        local = self.make().local
        self.assertEqual(
            [(one.component, str(one.address)) for one in local.candidates],
            [
                (1, "192.0.2.10:20000"),
                (1, "[2001:db8::10]:20000"),
                (2, "192.0.2.10:20001"),
                (2, "[2001:db8::10]:20001"),
            ],
        )
        self.assertEqual((local.ufrag, local.fingerprint, local.keys, local.muxed), ("", None, (), False))

    def test_many(self) -> None:
        """A host of many addresses names some."""
        self.ours = ["192.0.2.10"] * 20
        self.assertEqual(len(self.make().local.candidates), 2 * MAX_ADDRESSES)

    def test_answer(self) -> None:
        """Who calls is told the address towards him."""
        candidates = self.make(REMOTE).local.candidates
        self.assertEqual([str(one.address) for one in candidates], ["192.0.2.10:20000", "192.0.2.10:20001"])

    def test_connect(self) -> None:
        """Media goes to the addresses named, as soon as they are."""
        self.make(REMOTE).connect(REMOTE, MEDIA, (PCMU,))
        self.assertEqual(self.side.remotes, [evolve(MEDIA, address=THEIRS, rtcp=CONTROL)])
        self.assertEqual((self.news.said, self.opened), (["connected"], 1))

    def test_hold(self) -> None:
        """Holding is the side's business; trickled candidates and restarts change nothing."""
        transport = self.make()
        transport.hold(Direction.SENDONLY)
        transport.addCandidates(REMOTE.candidates)
        self.assertIs(transport.restart(REMOTE), transport.local)
        self.assertEqual((self.side.holds, self.side.remotes), ([Direction.SENDONLY], []))

    def test_refused(self) -> None:
        """ICE, DTLS, and nothing at all are no answer."""
        self.assertRaises(NotPlain, self.make, evolve(REMOTE, candidates=()))
        for remote in (
            evolve(REMOTE, ufrag="abcd"),
            evolve(REMOTE, fingerprint=Fingerprint("sha-256", "AB")),
            evolve(REMOTE, candidates=()),
        ):
            self.make().connect(remote, MEDIA, (PCMU,))
            self.assertEqual(self.news.endings.pop().reason, EndReason.INCOMPATIBLE)
        self.assertEqual(self.side.remotes, [])

    def test_afterFailure(self) -> None:
        """What has failed is over: another answer connects nothing, and no hold is passed on."""
        transport = self.make()
        transport.connect(evolve(REMOTE, candidates=()), MEDIA, (PCMU,))
        transport.connect(REMOTE, MEDIA, (PCMU,))
        transport.hold(Direction.INACTIVE)
        self.assertEqual((self.news.said, self.side.remotes, self.side.holds), (["failed"], [], []))

    def test_outOfReach(self) -> None:
        """Of the party's addresses the first one that can be reached is taken; if none can, it says so."""
        side = FakeSide(outOfReach=True)
        there = Candidate("1", 1, 0, TransportAddress("2001:db8::7", 7000))
        here = Candidate("2", 1, 0, TransportAddress("198.51.100.7", 7002))
        both = TransportDescription(candidates=(there, here), muxed=False)
        made = plainTransport(side, self.news, both, (), lambda: None)
        made.connect(both, SessionDescription((PCMU,)), (PCMU,))
        self.assertEqual(side.remotes[-1].address, here.address)
        alone = TransportDescription(candidates=(there,), muxed=False)
        self.assertRaises(OutOfReach, plainTransport, side, self.news, alone, (), lambda: None)
        made.connect(alone, SessionDescription((PCMU,)), (PCMU,))
        self.assertEqual([ending.reason for ending in self.news.endings], [EndReason.INCOMPATIBLE])

    def test_full(self) -> None:
        """No port is no transport."""
        self.side.full = True
        self.assertRaises(Congested, self.make)

    def test_closed(self) -> None:
        """After its end nothing happens."""
        transport = self.make()
        transport.close()
        transport.close()
        transport.connect(REMOTE, MEDIA, (PCMU,))
        transport.hold(Direction.INACTIVE)
        self.assertEqual((self.news.said, self.side.remotes, self.side.holds), ([], [], []))
