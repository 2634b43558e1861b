# -*- test-case-name: ichatgw.test.media.transport.test_transport -*-
"""
Tests for L{ichatgw.media.transport.transport}: two hosts, each with a relay, find each other by ICE, and have keys by
DTLS.
"""

from __future__ import annotations

from itertools import count
from random import Random

from attrs import evolve
from zope.interface.verify import verifyObject

from ichatgw.interfaces import IMediaTransport, IMediaTransports, ITransportNews
from ichatgw.media.ice.agent import ANSWER_TIMEOUT
from ichatgw.media.ice.checklist import Base
from ichatgw.media.ice.consent import LIFE
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.media.transport.plain import PlainTransport
from ichatgw.model import (
    PCMU,
    Candidate,
    Codec,
    Direction,
    EndReason,
    SessionDescription,
    Setup,
    TransportAddress,
    TransportDescription,
    TransportKind,
)
from ichatgw.test.marks import slow
from ichatgw.test.support.media.mediahosts import MEDIA, PHONE, World


class ConnectTests(World):
    """What should work."""

    def test_interfaces(self) -> None:
        """Parts of the border."""
        verifyObject(IMediaTransports, self.one.transports)
        verifyObject(IMediaTransport, self.one.make())
        verifyObject(ITransportNews, self.one.news)

    def test_connects(self) -> None:
        """ICE finds the way, DTLS agrees on keys, both are told once, and media flows both ways, protected."""
        self.join()
        self.run_(0.2)
        self.assertEqual((self.one.news.connections, self.two.news.connections), (1, 1))
        self.carried.clear()
        self.assertTalking()
        self.assertFalse([each for each in self.carried if b"speech" in each])
        self.assertEqual(self.one.news.endings + self.two.news.endings, [])

    def test_quick(self) -> None:
        """On a good network it takes a moment: people begin to speak when they answer."""
        self.join()
        self.run_(0.06)
        self.assertEqual((self.one.news.connections, self.two.news.connections), (1, 1))

    def test_roles(self) -> None:
        """Who offers leaves the choice to the other; who answers begins."""
        self.join()
        self.assertIs(self.one.transport.local.setup, Setup.ACTPASS)
        self.assertIs(self.two.transport.local.setup, Setup.ACTIVE)
        self.assertIs(
            self.two.transports.make(
                "c", self.two.relay.callee, self.two.news, evolve(self.one.transport.local, setup=Setup.ACTIVE)
            ).local.setup,
            Setup.PASSIVE,
        )

    def test_peerBegins(self) -> None:
        """A peer that wants to wait for us is begun with."""
        offer = self.offer()
        active = evolve(offer, setup=Setup.ACTIVE)
        answer = self.two.make(active).local
        self.introduce(active, answer)
        self.run_(0.3)
        self.assertTalking()

    def test_nothingBefore(self) -> None:
        """Before there are keys no RTP goes out, and none that comes in is believed."""
        self.join()
        self.lose = lambda datagram: 20 <= datagram[0] <= 63  # no DTLS
        self.run_(0.3)
        self.carried.clear()
        self.one.speak(1)
        self.one.speak(2)
        self.run_(0.3)
        self.assertFalse([each for each in self.carried if 128 <= each[0] <= 191])
        packet = RTPPacket(0, 1, 160, 77, b"speech").pack()
        self.two.network.deliver(packet, ("192.0.2.1", 8002), self.two.transport.local.candidates[0].address.port)
        self.assertEqual(self.two.heard(), [])

    def test_earlyDTLS(self) -> None:
        """A peer that opens DTLS before we have chosen the pair need not do so again."""
        offer = self.offer()
        answer = self.two.make(offer).local
        self.two.transport.connect(offer, MEDIA, (PCMU,))
        guard = self.one.transport._guard
        self.one.transport.connect(answer, MEDIA, (PCMU,))
        association = guard.dtls
        assert association is not None
        hello: list[bytes] = []

        def keep(datagram: bytes) -> bool:
            isDTLS = 20 <= datagram[0] <= 63 and not association._begun
            if isDTLS:
                hello.append(datagram)
            return isDTLS

        self.lose = keep
        take, guard.take = guard.take, lambda *way: None  # type: ignore[method-assign]
        self.run_(0.3)
        (first,) = hello
        port = offer.candidates[0].address.port
        place = ("192.0.2.2", answer.candidates[0].address.port)
        self.one.network.deliver(first, ("203.0.113.66", 6666), port)
        self.assertIsNone(association._early)
        self.one.network.deliver(first, place, port)
        self.assertEqual((association._early, self.one.network.sentTo(place)), (first, []))
        take(self.one.transport._gathering.sends[Base(1, False)], place)
        self.run_(0.1)
        self.assertEqual((self.one.news.connections, self.two.news.connections), (1, 1))

    def test_disorder(self) -> None:
        """Datagrams that come in any order, and twice, find their way, and nothing is heard twice."""
        self.disturb = lambda sent: [*reversed(sent), *sent]
        self.join()
        self.run_(1)
        self.assertEqual((self.one.news.connections, self.two.news.connections), (1, 1))
        self.assertTalking()

    @slow
    def test_badNetwork(self) -> None:
        """With a third of all lost, and the rest in disorder, there is a way in the end, and it stays."""
        chance = Random(5)
        checks = count(1)

        def lose(datagram: bytes) -> bool:
            """Of STUN strictly every third: by chance consent may be lost for good, if seldom."""
            if datagram[0] <= 3:
                return next(checks) % 3 == 0
            return datagram[0] >= 128 and chance.random() < 0.33

        self.lose = lose
        self.disturb = lambda sent: chance.sample(sent, len(sent))
        self.join()
        self.run_(LIFE * 3, 0.1)
        self.assertEqual((self.one.news.connections, self.two.news.connections), (1, 1))
        self.assertEqual(self.one.news.endings + self.two.news.endings, [])

    def test_loss(self) -> None:
        """Lost checks are sent again."""
        count = [0]

        def lossy(datagram: bytes) -> bool:
            count[0] += 1
            return datagram[0] <= 3 and count[0] % 3 == 0

        self.lose = lossy
        self.join()
        self.run_(3)
        self.lose = lambda datagram: False
        self.assertTalking()

    def test_families(self) -> None:
        """With both families IPv6 is taken; a peer that has only one gets that one."""
        for theirs, isIPv6 in ((("192.0.2.2", "2001:db8::2"), True), (("192.0.2.2",), False)):
            self.build(("2001:db8::1", "192.0.2.1"), theirs)
            self.join()
            self.run_(0.5)
            self.assertTalking()
            way = self.one.transport._guard.way[1]
            assert way is not None
            self.assertEqual(":" in str(way[0]), isIPv6)

    def test_numbers(self) -> None:
        """Each party is sent what it asked for, and may send what it was told, whatever the numbers are."""
        theirs, ours = Codec("PCMU", 8000, 96), Codec("PCMU", 8000, 97)
        offer = self.offer()
        answer = self.two.make(offer).local
        self.two.transport.connect(offer, SessionDescription((ours,)), (theirs,))
        self.one.transport.connect(answer, SessionDescription((theirs,)), (ours,))
        self.run_(0.3)
        self.assertTalking()
        self.one.speak(9)
        self.run_(0.02)
        self.assertEqual([each.payloadType for each in self.two.heard()], [0])

    @slow
    def test_hold(self) -> None:
        """A party that does not want to hear is sent nothing."""
        self.join()
        self.run_(0.3)
        self.one.transport.hold(Direction.INACTIVE)
        self.two.heard()
        self.one.speak(1)
        self.run_(0.1)
        self.assertEqual(self.two.heard(), [])
        self.one.transport.hold(Direction.SENDRECV)
        self.assertTalking()

    def test_restart(self) -> None:
        """ICE begins anew, media goes on, and the keys stay."""
        self.join()
        self.run_(0.3)
        before = self.two.transport.local
        anew = evolve(self.one.transport.restart(self.two.transport.local))
        self.assertNotEqual(anew.ufrag, before.ufrag)
        answer = self.two.transport.restart(anew)
        self.assertNotEqual((answer.ufrag, answer.password), (before.ufrag, before.password))
        self.one.transport.restart(answer)
        self.assertTalking()

    def test_restartElsewhere(self) -> None:
        """
        A party that begins ICE anew is found where it is then, by the candidates that it names then; who nominates is
        who did before.
        """
        self.join()
        self.run_(0.3)
        roles = [host.transport._guard.agent.controlling for host in (self.one, self.two)]
        self.assertIsNotNone(self.one.transport._guard.agent.selected)
        there = self.two.transport.local
        (near,) = there.candidates
        far = evolve(near, address=TransportAddress("192.0.2.2", near.address.port + 40))
        self.one.transport.restart(evolve(there, ufrag="anew", candidates=(far,)))
        agent = self.one.transport._guard.agent
        self.assertEqual([pair.remote.address for pair in agent._list], [far.address])
        self.assertIsNone(agent.selected)
        self.disturb = lambda sent: [each for each in sent if each[1][1] != far.address.port]
        self.two.transport.restart(self.one.transport.local)
        self.one.transport.restart(self.two.transport.local)
        self.run_(0.3)
        self.assertEqual([host.transport._guard.agent.controlling for host in (self.one, self.two)], roles)
        self.assertEqual(sorted(roles), [False, True])
        self.assertTalking()

    def test_restartsForEver(self) -> None:
        """A party that starts ICE anew again and again, and is nowhere, is given up as soon as any other."""
        self.join()
        self.run_(0.3)
        there = self.two.transport.local
        self.two.transport.close()
        began = self.clock.seconds()
        for number in range(20):
            if not self.one.news.endings:
                self.one.transport.restart(evolve(there, ufrag=f"new{number}"))
                self.run_(5, 0.25)
        self.assertEqual([ending.reason for ending in self.one.news.endings], [EndReason.CONNECTIVITY])
        self.assertLess(self.clock.seconds() - began, ANSWER_TIMEOUT + 6)

    def test_RTCP(self) -> None:
        """RTCP goes where RTP goes, protected as well."""
        self.join()
        self.run_(0.3)
        self.assertTalking()
        report = bytes.fromhex("80c90001") + (77).to_bytes(4, "big")
        self.carried.clear()
        self.one.network.deliver(report, (PHONE[0], PHONE[1] + 1), self.one.phonePort + 1)
        self.run_(0.05)
        self.assertTrue([each for each in self.carried if each[0] == 0x80 and each[1] == 0xC9])
        self.assertEqual(len(self.two.network.sentTo((PHONE[0], PHONE[1] + 1))), 1)


class RivalTests(World):
    """Several clients of a user are called at once: each has a transport at the same side, one wins."""

    def test_first(self) -> None:
        """The one that is connected has the side, whichever was made last, and the others' ends do not harm it."""
        self.one.start()
        self.two.start()
        first = self.one.make()
        second = self.one.make()
        answer = self.two.make(first.local).local
        self.two.transport.connect(first.local, MEDIA, (PCMU,))
        first.connect(answer, MEDIA, (PCMU,))
        second.close()
        self.run_(0.3)
        self.assertTalking()

    def test_plain(self) -> None:
        """One without protection may win as well."""
        self.allowPlain()
        self.one.start()
        ice = self.one.make()
        raw = self.one.transports.make("c", self.one.relay.callee, self.one.news, None, TransportKind.RAW)
        assert isinstance(raw, PlainTransport)
        there = TransportDescription(candidates=(Candidate("1", 1, 1, TransportAddress("192.0.2.2", 5555)),))
        raw.connect(there, MEDIA, (PCMU,))
        ice.close()
        self.one.speak(1)
        self.assertTrue(self.one.network.sentTo(("192.0.2.2", 5555)))

    def test_afterwards(self) -> None:
        """When a protected transport is over nothing comes in or goes out, were it only for a moment."""
        self.join()
        self.run_(0.3)
        self.two.transport.close()
        self.two.heard()
        port = self.two.transport.local.candidates[0].address.port
        packet = RTPPacket(0, 1, 160, 99, b"speech" * 20).pack()
        stranger = ("203.0.113.66", 6666)
        self.two.network.deliver(packet, stranger, port)
        self.two.network.deliver(bytes.fromhex("80c90001") + bytes(4), stranger, port)
        for sequence in range(5):
            self.two.speak(sequence)
            self.clock.advance(0.1)
        self.assertEqual((self.two.heard(), self.two.network.sentTo(stranger)), ([], []))
