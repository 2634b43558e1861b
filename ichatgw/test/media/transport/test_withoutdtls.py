# -*- test-case-name: ichatgw.test.media.transport.test_withoutdtls -*-
"""
Transports of parties that have no DTLS: keys from the signalling, plain media, and no ICE at all.
"""

from __future__ import annotations

import os

from attrs import evolve
from zope.interface.verify import verifyObject

from ichatgw.interfaces import IMediaTransport
from ichatgw.media.ice.agent import ANSWER_TIMEOUT
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.media.srtp import sdes
from ichatgw.media.srtp.srtp import Suite
from ichatgw.media.transport.plain import NotPlain
from ichatgw.media.transport.transport import Insecure
from ichatgw.media.transport.transports import MediaTransports
from ichatgw.model import (
    PCMU,
    Candidate,
    CryptoKey,
    Direction,
    EndReason,
    TransportAddress,
    TransportDescription,
    TransportKind,
)
from ichatgw.test.marks import slow
from ichatgw.test.support.media.mediahosts import MEDIA, PHONE, Host, World

KEY = "inline:" + "A" * 40


class KeysTests(World):
    """Keys from the signalling."""

    @slow
    def test_keys(self) -> None:
        """A party without DTLS may give its keys in the signalling."""
        for suite in Suite:
            self.build(("192.0.2.1",), ("192.0.2.2",))
            offer = self.offer()
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

    def test_keysOffered(self) -> None:
        """A client that has no DTLS is offered keys, and takes one of them."""
        for number in range(2):
            self.build(("192.0.2.1",), ("192.0.2.2",))
            offer = self.offer(TransportKind.KEYS)
            self.assertIsNone(offer.fingerprint)
            self.assertEqual([key.tag for key in offer.keys], ["1", "2"])
            taken = evolve(offer, keys=offer.keys[number:])
            answer = self.two.make(taken).local
            self.assertEqual([key.tag for key in answer.keys], [str(number + 1)])
            self.introduce(taken, answer)
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


REPORT = bytes.fromhex("80c90001") + (77).to_bytes(4, "big")


class ApartTests(World):
    """Parties with DTLS that want RTCP apart: it has DTLS of its own there, and keys."""

    def assertReported(self, near: Host, far: Host) -> None:
        """RTCP of the one phone reaches the other."""
        control = (PHONE[0], PHONE[1] + 1)
        far.network.sentTo(control)
        near.network.deliver(REPORT, control, near.phonePort + 1)
        self.run_(0.05)
        self.assertEqual(len(far.network.sentTo(control)), 1)

    def assertApart(self) -> None:
        """Both hear sound, and reports by the second component, whose keys are others."""
        self.assertTalking()
        self.assertReported(self.one, self.two)
        self.assertReported(self.two, self.one)
        for host in (self.one, self.two):
            guard = host.transport._guard
            self.assertIsNotNone(guard.controlAgent)
            assert guard.lock.shield is not None and guard.controlLock.shield is not None
            self.assertNotEqual(guard.lock.shield.sending, guard.controlLock.shield.sending)
            host.transport.close()
            host.relay.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_offered(self) -> None:
        """An offer without rtcp-mux is answered without, and by two components."""
        offer = evolve(self.offer(), muxed=False)
        self.one.transport._widen()
        offer = evolve(offer, candidates=self.one.transport.local.candidates)
        answer = self.two.make(offer).local
        self.assertEqual((answer.muxed, {each.component for each in answer.candidates}), (False, {1, 2}))
        self.introduce(offer, answer)
        self.run_(0.5)
        self.assertApart()

    def test_answered(self) -> None:
        """An answer without rtcp-mux to an offer with it is told a place for RTCP afterwards."""
        offer = self.offer()
        self.assertEqual((offer.muxed, {each.component for each in offer.candidates}), (True, {1}))
        self.two.make(evolve(offer, muxed=False))
        self.two.transport.connect(evolve(offer, muxed=False), MEDIA, (PCMU,))
        self.one.transport.connect(self.two.transport.local, MEDIA, (PCMU,))
        self.assertEqual({each.component for each in self.one.news.candidates}, {2})
        self.two.transport.addCandidates(self.one.news.candidates)
        self.run_(0.5)
        self.assertApart()

    def test_noWay(self) -> None:
        """Without a way for RTCP the call goes on."""
        offer = self.offer()
        self.two.make(evolve(offer, muxed=False))
        self.two.transport.connect(evolve(offer, muxed=False), MEDIA, (PCMU,))
        self.one.transport.connect(
            evolve(
                self.two.transport.local,
                candidates=tuple(each for each in self.two.transport.local.candidates if each.component == 1),
            ),
            MEDIA,
            (PCMU,),
        )
        self.run_(40, step=0.5)
        self.assertEqual((self.one.news.endings, self.two.news.endings), ([], []))
        self.assertTalking()


class WithoutDTLSTests(World):
    """Parties with ICE that have no DTLS, and may want RTCP apart."""

    def joinOlder(self, muxed: bool, *, isPlain: bool) -> None:
        """One offers keys, Two takes one of them or, having none itself, is plain."""
        offer = evolve(self.offer(TransportKind.KEYS), muxed=muxed)
        offer = evolve(offer, keys=()) if isPlain else offer
        answer = self.two.make(offer).local
        self.assertEqual((answer.muxed, bool(answer.keys)), (muxed, not isPlain))
        self.introduce(offer, answer)
        self.run_(0.5)

    def assertReported(self) -> None:
        """RTCP of One's phone reaches Two's."""
        self.two.network.sentTo((PHONE[0], PHONE[1] + 1))
        self.one.network.deliver(REPORT, (PHONE[0], PHONE[1] + 1), self.one.phonePort + 1)
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
        self.run_(ANSWER_TIMEOUT + 1, 0.25)
        self.assertTalking()
        self.assertEqual(self.one.news.endings + self.two.news.endings, [])

    @slow
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
            self.two.network.deliver(REPORT, ("203.0.113.66", 6666), port)
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
