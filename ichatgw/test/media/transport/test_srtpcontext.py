# -*- test-case-name: ichatgw.test.media.transport.test_srtpcontext -*-
"""
Tests for L{ichatgw.media.transport.srtpcontext}, without a network.
"""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.relay.side import Side
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.media.srtp.srtp import MasterKey, SRTPContext, Suite
from ichatgw.media.transport.srtpcontext import MAX_SOURCES, SRTPFilter, Unprotectable
from ichatgw.test.support.media.fakes import FakeNetwork, makeEngine
from ichatgw.test.support.media.relays import receiverReport

PACKET = RTPPacket(0, 1, 160, 9, b"speech").pack()
PLACE = ("192.0.2.9", 4000)


class LockTests(SynchronousTestCase):
    """What a lock opens and protects."""

    def setUp(self) -> None:
        relay = makeEngine(Clock(), FakeNetwork()).allocate("c")
        assert isinstance(relay.caller, Side)
        self.side = relay.caller
        self.lock = SRTPFilter(self.side)
        suite = Suite.AES_CM_128_HMAC_SHA1_80
        self.ours, self.theirs = (MasterKey(suite, os.urandom(30)) for _ in range(2))
        self.party = SRTPContext(self.theirs, self.ours)
        self.sent: list[bytes] = []

    def lay(self, datagram: bytes) -> int:
        """Into the buffer, as a port does."""
        self.side.arriving.scratch.buffer[: len(datagram)] = datagram
        return len(datagram)

    def send(self, datagram: bytes, destination: object) -> None:
        self.sent.append(bytes(datagram))

    def test_beforeKeys(self) -> None:
        """Without keys nothing passes."""
        self.assertEqual(self.lock.openMedia(self.lay(PACKET)), 0)
        self.assertIsNone(self.lock.openControl(self.lay(receiverReport(9, 0))))
        self.lock.protecting(self.send)(PACKET, PLACE)
        self.assertEqual(self.sent, [])
        self.assertIsNone(self.lock.protectControl(receiverReport(9, 0)))
        self.assertEqual(self.side.arriving.dropped["before its keys"], 2)

    def test_opened(self) -> None:
        """What the party has protected lies open in the buffer."""
        self.lock.turn(self.ours, self.theirs)
        self.assertEqual(self.lock.openMedia(self.lay(self.party.protect(PACKET))), len(PACKET))
        self.assertEqual(bytes(self.side.arriving.scratch.views[len(PACKET)]), PACKET)
        report = receiverReport(9, 0)
        self.assertEqual(self.lock.openControl(self.lay(self.party.protectControl(report))), report)

    def test_protected(self) -> None:
        """What goes to the party it can open."""
        self.lock.turn(self.ours, self.theirs)
        send = self.lock.protecting(self.send)
        send(self.side.arriving.scratch.views[self.lay(PACKET)], PLACE)
        self.assertEqual(self.party.open(self.sent[0]), PACKET)
        silence = RTPPacket(0, 9, 1600, 7, b"silence").pack()  # it lies elsewhere
        send(silence, PLACE)
        self.assertEqual(self.party.open(self.sent[1]), silence)
        protected = self.lock.protectControl(receiverReport(9, 0))
        assert protected is not None
        self.assertEqual(self.party.openControl(protected), receiverReport(9, 0))

    def test_sources(self) -> None:
        """However many streams the party makes up, few are known at once; the one that is in use stays among them."""
        self.lock.turn(self.ours, self.theirs)
        forgotten: list[int] = []
        assert self.lock.shield is not None
        forget = self.lock.shield.forget

        def remembering(shield: SRTPContext, ssrc: int) -> None:
            forgotten.append(ssrc)
            forget(ssrc)

        self.patch(SRTPContext, "forget", remembering)
        first = self.party.protect(RTPPacket(0, 1, 160, 1000, b"speech").pack())
        self.assertGreater(self.lock.openMedia(self.lay(first)), 0)
        for number in range(2, 200):
            steady = RTPPacket(0, number, 160 * number, 9, b"speech").pack()
            self.assertGreater(self.lock.openMedia(self.lay(self.party.protect(steady))), 0)
            made = RTPPacket(0, 1, 160, 1000 + number, b"speech").pack()
            self.assertGreater(self.lock.openMedia(self.lay(self.party.protect(made))), 0)
            report = self.party.protectControl(receiverReport(5000 + number, 0))
            self.assertIsNotNone(self.lock.openControl(self.lay(report)))
        self.assertEqual(len(self.lock._sources), MAX_SOURCES)
        self.assertEqual((forgotten[0], len(forgotten), 9 in forgotten), (1000, 2 * 198 + 2 - MAX_SOURCES, False))
        # It is a stream that was never heard of, again.
        self.assertGreater(self.lock.openMedia(self.lay(first)), 0)

    def test_wrong(self) -> None:
        """What cannot be opened, or protected, is counted and goes nowhere."""
        self.lock.turn(self.ours, self.theirs)
        self.assertEqual(self.lock.openMedia(self.lay(PACKET)), 0)
        self.assertIsNone(self.lock.openControl(self.lay(receiverReport(9, 0))))
        self.assertRaises(Unprotectable, self.lock.protecting(self.send), bytes(1800), PLACE)
        self.assertIsNone(self.lock.protectControl(b""))
        self.assertEqual(self.sent, [])
        self.assertEqual(dict(self.side.arriving.dropped), {"not the party's SRTP": 1, "not the party's SRTCP": 1})
        self.assertEqual(self.side.far.arriving.dropped["unprotectable"], 1)
