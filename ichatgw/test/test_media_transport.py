# -*- test-case-name: ichatgw.test.test_media_transport -*-
"""
Two hosts, each with a relay, whose transports find each other over a network of memory.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import Any

from attrs import evolve
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from ichatgw.addresses import LocalAddresses
from ichatgw.errors import Congested
from ichatgw.interfaces import IMediaTransport, IMediaTransports, ITransportNews
from ichatgw.media import sdes, stun
from ichatgw.media.checklist import Base
from ichatgw.media.consent import LIFE
from ichatgw.media.engine import MediaEngine
from ichatgw.media.ice import PATIENCE
from ichatgw.media.plain import NotPlain, PlainTransport
from ichatgw.media.rtp import RTPPacket
from ichatgw.media.side import Side
from ichatgw.media.srtp import Suite
from ichatgw.media.transport import Insecure, Transport
from ichatgw.media.transports import MediaTransports
from ichatgw.model import (
    PCMU,
    Candidate,
    Codec,
    CryptoKey,
    Direction,
    Ending,
    EndReason,
    Fingerprint,
    SessionDescription,
    Setup,
    TransportAddress,
    TransportDescription,
    TransportKind,
)
from ichatgw.test.media_fakes import FakeNetwork, Numbers

MEDIA = SessionDescription((PCMU,))
KEY = "inline:" + "A" * 40
PHONE = ("198.51.100.7", 30000)


class Hosts(LocalAddresses):
    """The addresses of one host."""

    def __init__(self, *hosts: str) -> None:
        super().__init__()
        self.hosts = hosts

    def own(self) -> tuple[str, ...]:
        return self.hosts

    def towards(self, host: str) -> str:
        return next(each for each in self.hosts if (":" in each) == (":" in host))


@implementer(ITransportNews)
class News:
    """Remembers what a transport said."""

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.connections = 0
        self.endings: list[Ending] = []

    def candidatesFound(self, candidates: Sequence[Candidate]) -> None:
        self.candidates += candidates

    def connected(self) -> None:
        self.connections += 1

    def failed(self, ending: Ending) -> None:
        self.endings.append(ending)


class Host:
    """A relay; the callee's side has the transport, the caller's a phone with plain RTP."""

    def __init__(self, clock: Clock, *hosts: str) -> None:
        self.network = FakeNetwork()
        self.hosts = hosts
        self.engine = MediaEngine(
            clock,
            Hosts(*hosts),
            8000,
            8099,
            clock=clock,
            readers=self.network,
            makeSocket=self.network.makeSocket,
            random32=Numbers(),
        )
        self.relay = self.engine.allocate("c")
        self.news = News()
        self.transports = MediaTransports(clock, os.urandom, lambda: hosts)
        self.transport: Transport

    @property
    def side(self) -> Side:
        assert isinstance(self.relay.callee, Side)
        return self.relay.callee

    def make(self, remote: TransportDescription | None = None, kind: TransportKind = TransportKind.DTLS) -> Transport:
        made = self.transports.make("c", self.relay.callee, self.news, remote, kind)
        assert isinstance(made, Transport)
        self.transport = made
        return made

    def phone(self) -> TransportAddress:
        """The phone at the other side; where it sends to."""
        local = self.relay.caller.local(PHONE[0])
        self.relay.caller.connect(SessionDescription((PCMU,), TransportAddress(*PHONE)))
        return local

    def speak(self, sequence: int) -> None:
        packet = RTPPacket(0, sequence, sequence * 160, 77, b"speech" * 20).pack()
        self.network.deliver(packet, PHONE, self.phonePort)

    def start(self) -> None:
        self.phonePort = self.phone().port

    def heard(self) -> list[RTPPacket]:
        """What the phone heard of speech."""
        found = [RTPPacket.parse(each) for each in self.network.sentTo(PHONE)]
        return [each for each in found if each.payload.startswith(b"speech")]


def source(host: str, port: int) -> tuple[object, ...]:
    return (host, port, 0, 0) if ":" in host else (host, port)


class World(SynchronousTestCase):
    """Two hosts and what is between them."""

    def setUp(self) -> None:
        self.build(("192.0.2.1",), ("192.0.2.2",))

    def allowPlain(self) -> None:
        """Plain media is allowed at both."""
        for host in (self.one, self.two):
            host.transports = MediaTransports(self.clock, os.urandom, partial(tuple, host.hosts), allowPlain=True)

    def build(self, ours: tuple[str, ...], theirs: tuple[str, ...]) -> None:
        self.clock = Clock()
        self.one = Host(self.clock, *ours)
        self.two = Host(self.clock, *theirs)
        self.lose: Callable[[bytes], bool] = lambda datagram: False
        self.disturb: Callable[[list[Any]], list[Any]] = lambda sent: sent
        self.carried: list[bytes] = []

    def carry(self) -> bool:
        """Everything on its way arrives; was there anything?"""
        moved = False
        for near, far in ((self.one, self.two), (self.two, self.one)):
            for open_ in list(near.network.sockets):
                assert open_.bound is not None
                ours = next((h for h in near.hosts if (":" in h) == (open_.family == socket.AF_INET6)), "")
                sent, kept = open_.sent, [(d, t) for d, t in open_.sent if t[0] not in far.hosts]
                open_.sent = kept
                for datagram, target in self.disturb(sent):
                    if target[0] in far.hosts:
                        moved = True
                        self.carried.append(datagram)
                        if not self.lose(datagram):
                            far.network.deliver(datagram, source(ours, open_.bound[1]), target[1])
        return moved

    def run_(self, seconds: float, step: float = 0.02) -> None:
        """Let time pass."""
        for _ in range(int(seconds / step)):
            while self.carry():
                pass
            self.clock.advance(step)
        while self.carry():
            pass

    def join(self) -> None:
        """Offer and answer."""
        self.one.start()
        self.two.start()
        offer = self.one.make().local
        answer = self.two.make(offer).local
        self.two.transport.connect(offer, MEDIA, (PCMU,))
        self.one.transport.connect(answer, MEDIA, (PCMU,))

    def assertTalking(self) -> None:
        """Each phone hears the other."""
        for near, far in ((self.one, self.two), (self.two, self.one)):
            far.heard()
            for sequence in range(5):
                near.speak(sequence)
                self.run_(0.02)
            self.assertEqual(len(far.heard()), 5)


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
        self.one.start()
        self.two.start()
        offer = self.one.make().local
        active = evolve(offer, setup=Setup.ACTIVE)
        answer = self.two.make(active).local
        self.two.transport.connect(active, MEDIA, (PCMU,))
        self.one.transport.connect(answer, MEDIA, (PCMU,))
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
        self.one.start()
        self.two.start()
        offer = self.one.make().local
        answer = self.two.make(offer).local
        self.two.transport.connect(offer, MEDIA, (PCMU,))
        guard = self.one.transport._guard
        self.one.transport.connect(answer, MEDIA, (PCMU,))
        hello: list[bytes] = []

        def keep(datagram: bytes) -> bool:
            isDTLS = 20 <= datagram[0] <= 63 and not guard._begun
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
        self.assertIsNone(guard._early)
        self.one.network.deliver(first, place, port)
        self.assertEqual((guard._early, self.one.network.sentTo(place)), (first, []))
        take(self.one.transport._gathering.sends[Base(1, False)], place)
        self.run_(0.1)
        self.assertEqual((self.one.news.connections, self.two.news.connections), (1, 1))

    def test_advertised(self) -> None:
        """The address of a router that hands all on to us is a candidate, derived from our own."""
        self.one.engine._supplies.addresses.advertised = ("203.0.113.10",)
        own, public = self.one.make().local.candidates
        self.assertEqual((str(public.address), public.kind), (f"203.0.113.10:{own.address.port}", "srflx"))
        self.assertEqual(public.related, own.address)
        self.assertLess(public.priority, own.priority)

    def test_seenBy(self) -> None:
        """Where a STUN server sees us is told to the party as soon as it is known, and no later than we close."""
        server = TransportAddress("198.51.100.99", 3478)
        self.one.transports._stunServers = lambda: succeed([server])
        made = self.one.make()
        own = made.local.candidates[0].address
        ((_, query),) = [(0, each) for each in self.one.network.sentTo((server.host, server.port))]
        answer = stun.success(stun.parse(query), TransportAddress("203.0.113.7", 40000), "x" * 22)
        self.one.network.deliver(answer, ("203.0.113.66", 3478), own.port)
        self.assertEqual(self.one.news.candidates, [])
        self.one.network.deliver(answer, (server.host, server.port), own.port)
        (found,) = self.one.news.candidates
        self.assertEqual((str(found.address), found.kind, found.related), ("203.0.113.7:40000", "srflx", own))
        self.assertEqual(made.local.candidates[-1], found)
        foundations = [candidate.foundation for candidate in made.local.candidates]
        self.assertTrue(all(map(str.isdecimal, foundations)), foundations)  # Siskin passes over others
        self.assertEqual(len(set(foundations)), len(foundations))
        self.one.network.deliver(answer, (server.host, server.port), own.port)
        self.assertEqual(len(self.one.news.candidates), 1)
        made.seenBy([server])
        made.close()
        made.seenBy([server])
        for host in (self.one, self.two):
            host.relay.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_disorder(self) -> None:
        """Datagrams that come in any order, and twice, find their way, and nothing is heard twice."""
        self.disturb = lambda sent: [*reversed(sent), *sent]
        self.join()
        self.run_(1)
        self.assertEqual((self.one.news.connections, self.two.news.connections), (1, 1))
        self.assertTalking()

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

    def test_trickle(self) -> None:
        """Candidates that come later count, before the description and after it."""
        self.one.start()
        self.two.start()
        offer = self.one.make().local
        bare = evolve(offer, candidates=())
        answer = self.two.make(bare).local
        self.one.transport.addCandidates(answer.candidates)
        self.two.transport.connect(bare, MEDIA, (PCMU,))
        self.one.transport.connect(evolve(answer, candidates=()), MEDIA, (PCMU,))
        self.run_(0.5)
        self.two.transport.addCandidates(offer.candidates)
        self.run_(0.5)
        self.assertTalking()

    def test_unnamed(self) -> None:
        """A peer whose candidates nobody told us is found by its checks (peer-reflexive)."""
        self.one.start()
        self.two.start()
        offer = self.one.make().local
        answer = self.two.make(offer).local
        self.two.transport.connect(evolve(offer, candidates=()), MEDIA, (PCMU,))
        self.one.transport.connect(answer, MEDIA, (PCMU,))
        self.run_(1)
        self.assertTalking()

    def test_deadCandidates(self) -> None:
        """Candidates at which nobody is cost some time, and no more."""
        self.one.start()
        self.two.start()
        offer = self.one.make().local
        dead = tuple(
            Candidate(f"d{n}", 1, 2130706431 - n, TransportAddress(f"198.51.100.{n}", 9), "udp") for n in range(1, 9)
        )
        answer = self.two.make(offer).local
        self.two.transport.connect(evolve(offer, candidates=dead + offer.candidates), MEDIA, (PCMU,))
        self.one.transport.connect(evolve(answer, candidates=dead + answer.candidates), MEDIA, (PCMU,))
        self.run_(3)
        self.assertTalking()

    def test_keys(self) -> None:
        """A party without DTLS may give its keys in the signalling."""
        for suite in Suite:
            self.build(("192.0.2.1",), ("192.0.2.2",))
            self.one.start()
            self.two.start()
            offer = self.one.make().local
            key, master = sdes.newKey(suite, "1", os.urandom)
            keyed = evolve(offer, fingerprint=None, setup=None, keys=(key,))
            answer = self.two.make(keyed).local
            self.assertEqual((answer.fingerprint, len(answer.keys), answer.keys[0].tag), (None, 1, "1"))
            self.two.transport.connect(keyed, MEDIA, (PCMU,))
            # What the one who offered does with the answer:
            self.one.transport._receiving = (master, sdes.masterKey(answer.keys[0]))
            self.one.transport.connect(answer, MEDIA, (PCMU,))
            self.run_(0.5)
            self.assertTalking()
            self.assertNotIn(key.parameters, repr(answer) + repr(key))

    def test_numbers(self) -> None:
        """Each party is sent what it asked for, and may send what it was told, whatever the numbers are."""
        theirs, ours = Codec("PCMU", 8000, 96), Codec("PCMU", 8000, 97)
        self.one.start()
        self.two.start()
        offer = self.one.make().local
        answer = self.two.make(offer).local
        self.two.transport.connect(offer, SessionDescription((ours,)), (theirs,))
        self.one.transport.connect(answer, SessionDescription((theirs,)), (ours,))
        self.run_(0.3)
        self.assertTalking()
        self.one.speak(9)
        self.run_(0.02)
        self.assertEqual([each.payloadType for each in self.two.heard()], [0])

    def test_keysOffered(self) -> None:
        """A client that has no DTLS is offered keys, and takes one of them."""
        for number in range(2):
            self.build(("192.0.2.1",), ("192.0.2.2",))
            self.one.start()
            self.two.start()
            offer = self.one.make(kind=TransportKind.KEYS).local
            self.assertIsNone(offer.fingerprint)
            self.assertEqual([key.tag for key in offer.keys], ["1", "2"])
            taken = evolve(offer, keys=offer.keys[number:])
            answer = self.two.make(taken).local
            self.assertEqual([key.tag for key in answer.keys], [str(number + 1)])
            self.two.transport.connect(taken, MEDIA, (PCMU,))
            self.one.transport.connect(answer, MEDIA, (PCMU,))
            self.run_(0.3)
            self.assertTalking()

    def test_keysAnswered(self) -> None:
        """An answer without a key, or with one for nothing that was offered, ends it."""
        for keys in (
            (),
            (CryptoKey("3", "AES_CM_128_HMAC_SHA1_80", KEY),),
            (CryptoKey("2", "AES_CM_128_HMAC_SHA1_80", KEY),),
        ):
            self.build(("192.0.2.1",), ("192.0.2.2",))
            offer = self.one.make(kind=TransportKind.KEYS)
            offer.connect(evolve(offer.local, keys=keys), MEDIA, (PCMU,))
            self.assertEqual([each.reason for each in self.one.news.endings], [EndReason.SECURITY])

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
        self.assertLess(self.clock.seconds() - began, PATIENCE + 6)

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


class WithoutDTLSTests(World):
    """Parties with ICE that have no DTLS, and may want RTCP apart."""

    REPORT = bytes.fromhex("80c90001") + (77).to_bytes(4, "big")

    def joinOlder(self, muxed: bool, *, isPlain: bool) -> None:
        """One offers keys, Two takes one of them or, having none itself, is plain."""
        self.one.start()
        self.two.start()
        offer = evolve(self.one.make(kind=TransportKind.KEYS).local, muxed=muxed)
        offer = evolve(offer, keys=()) if isPlain else offer
        answer = self.two.make(offer).local
        self.assertEqual((answer.muxed, bool(answer.keys)), (muxed, not isPlain))
        self.two.transport.connect(offer, MEDIA, (PCMU,))
        self.one.transport.connect(answer, MEDIA, (PCMU,))
        self.run_(0.5)

    def assertReported(self) -> None:
        """RTCP of One's phone reaches Two's."""
        self.two.network.sentTo((PHONE[0], PHONE[1] + 1))
        self.one.network.deliver(self.REPORT, (PHONE[0], PHONE[1] + 1), self.one.phonePort + 1)
        self.run_(0.05)
        self.assertEqual(len(self.two.network.sentTo((PHONE[0], PHONE[1] + 1))), 1)

    def test_apart(self) -> None:
        """Without rtcp-mux RTCP has a component, and a way, of its own; with it, that is closed."""
        for muxed in (False, True):
            self.build(("192.0.2.1",), ("192.0.2.2",))
            self.joinOlder(muxed, isPlain=False)
            self.assertEqual(sorted({each.component for each in self.one.transport.local.candidates}), [1, 2])
            self.assertTalking()
            self.assertReported()
            self.assertEqual(self.two.transport._guard.controlAgent is None, muxed)
            for host in (self.one, self.two):
                host.transport.close()
                host.relay.close()
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_noWayForControl(self) -> None:
        """If there is no way for RTCP the call goes on without."""
        self.lose = lambda datagram: False
        real = self.two.network.deliver
        ports = range(8001, 8100, 2)
        self.two.network.deliver = lambda datagram, source, port: (  # type: ignore[method-assign]
            None if port in ports and source[0] == "192.0.2.1" else real(datagram, source, port)
        )
        self.joinOlder(False, isPlain=False)
        self.run_(PATIENCE + 1, 0.25)
        self.assertTalking()
        self.assertEqual(self.one.news.endings + self.two.news.endings, [])

    def test_plain(self) -> None:
        """A party without any protection has its media plain, from where ICE has found it only, if that is allowed."""
        for muxed in (True, False):
            self.build(("192.0.2.1",), ("192.0.2.2",))
            self.allowPlain()
            self.joinOlder(muxed, isPlain=True)
            self.assertEqual((self.one.news.connections, self.two.news.connections), (1, 1))
            self.assertTalking()
            self.assertReported()
            port = self.two.transport.local.candidates[0].address.port
            packet = RTPPacket(0, 1, 160, 99, b"speech" * 20).pack()
            self.two.heard()
            self.two.network.deliver(packet, ("203.0.113.66", 6666), port)
            self.two.network.deliver(self.REPORT, ("203.0.113.66", 6666), port)
            self.assertEqual(self.two.heard(), [])

    def test_plainNotAllowed(self) -> None:
        """By default it is refused."""
        offer = self.one.make(kind=TransportKind.KEYS).local
        self.assertRaises(Insecure, self.two.make, evolve(offer, keys=()))

    def test_restart(self) -> None:
        """ICE starts anew for both components."""
        self.joinOlder(False, isPlain=False)
        anew = self.one.transport.restart(self.two.transport.local)
        self.one.transport.restart(self.two.transport.restart(anew))
        self.run_(0.5)
        self.assertTalking()
        self.assertReported()


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


class FailureTests(World):
    """What should not."""

    def assertFailed(self, host: Host, reason: EndReason, words: str = "") -> None:
        self.assertEqual([ending.reason for ending in host.news.endings], [reason])
        self.assertIn(words, host.news.endings[0].text)

    def test_noWay(self) -> None:
        """If no pair works that is said, once, and nothing is left."""
        self.lose = lambda datagram: True
        self.join()
        self.run_(PATIENCE + 1, 0.25)
        for host in (self.one, self.two):
            self.assertFailed(host, EndReason.CONNECTIVITY, "no pair")
            self.assertEqual(host.news.connections, 0)
            host.relay.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_vanishes(self) -> None:
        """A peer that vanishes is noticed within 30 s (RFC 7675)."""
        self.join()
        self.run_(1)
        self.lose = lambda datagram: True
        self.run_(LIFE + 0.2, 0.1)
        self.assertFailed(self.one, EndReason.CONNECTIVITY, "consent")

    def test_stays(self) -> None:
        """One that is there stays, though it says nothing for hours."""
        self.join()
        self.run_(200, 0.25)
        self.assertEqual(self.one.news.endings + self.two.news.endings, [])
        self.assertTalking()

    def test_wrongFingerprint(self) -> None:
        """Somebody else's certificate ends it before a key is used."""
        self.one.start()
        self.two.start()
        offer = self.one.make().local
        answer = self.two.make(offer).local
        forged = Fingerprint("sha-256", ":".join(["AB"] * 32))
        self.two.transport.connect(evolve(offer, fingerprint=forged), MEDIA, (PCMU,))
        self.one.transport.connect(answer, MEDIA, (PCMU,))
        self.run_(0.5)
        self.assertFailed(self.two, EndReason.SECURITY, "certificate")
        self.assertEqual(self.two.news.connections, 0)
        self.assertIsNone(self.two.transport._lock.shield)

    def test_noFingerprint(self) -> None:
        """No protection, or none that we know, is refused."""
        offer = self.one.make().local
        self.assertRaises(Insecure, self.two.make, evolve(offer, fingerprint=None))
        self.two.make(offer)
        self.two.transport.connect(evolve(offer, fingerprint=Fingerprint("md5", "00")), MEDIA, (PCMU,))
        self.assertFailed(self.two, EndReason.SECURITY)

    def test_strangers(self) -> None:
        """Checks without our password, DTLS from elsewhere and junk get no answer and change nothing."""
        self.join()
        self.run_(0.3)
        port = self.two.transport.local.candidates[0].address.port
        stranger = ("203.0.113.66", 6666)
        for datagram in (
            bytes.fromhex("000100002112a442") + bytes(12),
            b"\x16\xfe\xff" + bytes(60),
            b"\x80\x00" + bytes(170),
            b"\x80\xc8\x00\x06" + bytes(60),
            b"\x01",
            b"",
            b"\x50junk",
            bytes(3000),
        ):
            self.two.network.deliver(datagram, stranger, port)
        self.assertEqual(self.two.network.sentTo(stranger), [])
        self.assertTalking()

    def test_replayed(self) -> None:
        """A packet that comes again is not passed on again."""
        self.join()
        self.run_(0.3)
        self.carried.clear()
        self.one.speak(1)
        self.run_(0.02)
        protected = next(each for each in self.carried if 128 <= each[0] <= 191 and not 192 <= each[1] <= 223)
        self.two.heard()
        port = self.two.transport.local.candidates[0].address.port
        for _ in range(3):
            self.two.network.deliver(protected, ("192.0.2.1", 8002), port)
        self.assertEqual(self.two.heard(), [])

    def test_flood(self) -> None:
        """A flood of checks, even of one who knows the password, is answered in part."""
        self.join()
        self.run_(0.3)
        check = next(each for each in self.carried if each[:2] == b"\x00\x01" and each[8:20])
        port = self.two.transport.local.candidates[0].address.port
        answered = 0
        for number in range(500):
            self.two.network.deliver(check, ("203.0.113.66", number + 1000), port)
            answered += len(self.two.network.sentTo(("203.0.113.66", number + 1000)))
        self.assertTrue(answered <= 200, answered)

    def test_replay(self) -> None:
        """A check that is sent again from elsewhere, as a spy could do, has no answer and no effect."""
        self.join()
        self.run_(0.3)
        check = next(each for each in self.carried if each[:2] == b"\x00\x01" and b":" in each)
        pairs = len(self.two.transport._guard.agent._list)
        port = self.two.transport.local.candidates[0].address.port
        for number in range(200):
            self.two.network.deliver(check, ("203.0.113.66", number + 1000), port)
        self.run_(5)
        self.assertFalse([to for one in self.two.network.sockets for _, to in one.sent if to[0] == "203.0.113.66"])
        self.assertEqual(len(self.two.transport._guard.agent._list), pairs)

    def test_floodOfStrangers(self) -> None:
        """However many checks come from elsewhere, those of the peer are answered, and the call goes on."""
        self.join()
        self.run_(0.3)
        ufrag, password = self.two.transport.local.ufrag, self.two.transport.local.password
        port = self.two.transport.local.candidates[0].address.port
        answered = 0
        for number in range(1000):
            right = stun.check(os.urandom(12), f"{ufrag}:{self.one.transport.local.ufrag}", password, 7, (True, 1))
            wrong = stun.check(os.urandom(12), f"{ufrag}:x", "wrong", 7, (True, 1))
            for check in (wrong, right):
                self.two.network.deliver(check, ("203.0.113.66", number + 1000), port)
                answered += len(self.two.network.sentTo(("203.0.113.66", number + 1000)))
        self.assertLess(answered, 250)
        self.assertLess(len(self.two.transport._guard.agent._list), 101)
        self.run_(LIFE + 10, 0.1)
        self.assertEqual(self.one.news.endings + self.two.news.endings, [])
        self.assertTalking()

    def test_neverLarger(self) -> None:
        """No answer is larger than what it answers."""
        self.join()
        self.run_(0.3)
        ufrag, password = self.two.transport.local.ufrag, self.two.transport.local.password
        port = self.two.transport.local.candidates[0].address.port
        self.two.network.sentTo(("203.0.113.66", 6666))
        for role in ((True, 1), (False, 0), (False, (1 << 64) - 1)):
            check = stun.check(os.urandom(12), f"{ufrag}:{self.one.transport.local.ufrag}", password, 7, role)
            self.two.network.deliver(check, ("203.0.113.66", 6666), port)
            answers = [
                each for each in self.two.network.sentTo(("203.0.113.66", 6666)) if each[:2] in (b"\1\1", b"\1\x11")
            ]
            self.assertEqual(len(answers), 1)
            self.assertLessEqual(len(answers[0]), len(check))

    def test_manyCandidates(self) -> None:
        """Thousands of candidates are no more work than some dozen."""
        self.one.start()
        self.two.start()
        offer = self.one.make().local
        many = tuple(
            Candidate(f"m{n}", 1, 1 + n, TransportAddress(f"198.51.{n // 250}.{n % 250 + 1}", 9)) for n in range(5000)
        )
        self.two.make(offer)
        self.two.transport.addCandidates(many)
        self.two.transport.connect(evolve(offer, candidates=many), MEDIA, (PCMU,))
        self.two.transport.addCandidates(many)
        self.run_(PATIENCE + 1, 0.25)
        sent = sum(len(one.sent) for one in self.two.network.sockets)
        self.assertTrue(sent < 1000, sent)

    def test_close(self) -> None:
        """A closed transport is silent, leaves no timer, and leaves the side to another one."""
        self.join()
        self.run_(0.3)
        self.two.transport.close()
        self.two.transport.close()
        self.carried.clear()
        self.one.relay.close()
        self.one.transport.close()
        self.run_(5, 0.1)
        self.assertFalse([each for each in self.carried if each[0] <= 3])
        self.assertEqual(self.two.news.endings, [])
        self.two.make()
        self.two.transport.close()
        self.two.relay.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_noPort(self) -> None:
        """Without a port there is no transport."""
        self.one.relay.close()
        self.assertRaises(Congested, self.one.make)


class PlainTests(World):
    """Raw UDP."""

    def test_plain(self) -> None:
        """A party that is just somewhere is sent plain RTP there, if the administrator allows that."""
        self.allowPlain()
        self.two.start()
        place = TransportAddress("192.0.2.1", 5555)
        remote = TransportDescription(candidates=(Candidate("1", 1, 1, place),), muxed=False)
        transport = self.two.transports.make("c", self.two.relay.callee, self.two.news, remote)
        verifyObject(IMediaTransport, transport)
        transport.connect(remote, MEDIA, (PCMU,))
        self.assertEqual(self.two.news.connections, 1)
        self.two.speak(1)
        sent = [RTPPacket.parse(each) for each in self.two.network.sentTo(("192.0.2.1", 5555))]
        self.assertEqual([each.payload[:6] for each in sent if each.payload.startswith(b"speech")], [b"speech"])
        self.assertEqual(transport.restart(remote), transport.local)
        transport.hold(Direction.INACTIVE)
        transport.close()

    def test_notAllowed(self) -> None:
        """By default nobody is."""
        transports = MediaTransports(self.clock, os.urandom, lambda: ["192.0.2.2"])
        self.assertRaises(NotPlain, transports.make, "c", self.two.relay.callee, self.two.news, TransportDescription())

    def test_nowhere(self) -> None:
        """One that names no address cannot be served."""
        self.allowPlain()
        self.assertRaises(
            NotPlain, self.two.transports.make, "c", self.two.relay.callee, self.two.news, TransportDescription()
        )
