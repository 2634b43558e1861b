# -*- test-case-name: ichatgw.test.media.transport.test_secured -*-
"""
Tests for L{ichatgw.media.transport.secured}: SRTP between two hosts, with keys from the signalling.
"""

from __future__ import annotations

from itertools import count

from attrs import evolve

from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.media.srtp.srtp import Suite
from ichatgw.media.transport.srtpcontext import HOPELESS
from ichatgw.model import (
    Direction,
    Protection,
    TransportAddress,
)
from ichatgw.test.marks import slow
from ichatgw.test.support.media.relays import receiverReport
from ichatgw.test.support.media.securedhosts import STRANGER, SecuredCase, newKey, swapped


class KeyTests(SecuredCase):
    """Keys from the signalling."""

    def test_bothWays(self) -> None:
        """Media is protected between the hosts, with every suite."""
        self.meet()
        for suite in Suite:
            self.byKeys(Protection(newKey(suite), newKey(suite)))
            self.assertProtected()
        self.assertEqual(self.failures, [])

    def test_control(self) -> None:
        """RTCP is protected too, at a port of its own or at that of RTP."""
        for self.muxed in (False, True):
            self.build(("192.0.2.1",), ("192.0.2.2",))
            self.meet()
            self.byKeys()
            self.carried.clear()
            self.reports()
            self.assertFalse([each for each in self.carried if each == receiverReport(77, 0)])

    def test_plainIsNotTaken(self) -> None:
        """Plain RTP and RTCP, of whomever, are dropped, and nothing is learned from them."""
        self.meet()
        self.byKeys()
        local = self.places[0]
        for place in (("192.0.2.2", self.places[1].port), STRANGER):
            for _ in range(3):
                self.one.network.deliver(RTPPacket(0, 1, 160, 9, b"speech").pack(), place, local.port)
                self.one.network.deliver(receiverReport(9, 0), place, local.port)
                self.one.network.deliver(receiverReport(9, 0), place, local.port + 1)
                self.one.network.deliver(b"junk", place, local.port)
                self.one.network.deliver(b"", place, local.port + 1)
        self.assertEqual(self.one.heard(), [])
        self.assertProtected()
        self.assertEqual(self.one.network.sentTo(STRANGER), [])

    def test_behindNAT(self) -> None:
        """A peer that proves by its key that it is the party is followed to where it is."""
        self.meet()
        self.byKeys()
        self.describe(self.one, TransportAddress("10.1.2.3", 5000))
        self.protect(self.one, self.keys)
        self.assertEqual(self.said(self.two, self.one), 5)
        self.assertEqual(self.said(self.one, self.two), 5)
        self.one.network.deliver(RTPPacket(0, 1, 160, 9, b"speech").pack(), STRANGER, self.places[0].port)
        self.assertEqual(self.said(self.one, self.two), 5)

    def test_replayed(self) -> None:
        """A packet that comes again, from wherever, is not heard again and leads nobody astray."""
        self.meet()
        self.byKeys()
        self.assertProtected()
        packet = next(each for each in self.carried if 128 <= each[0] <= 191)
        self.one.heard()
        for place in (STRANGER, ("192.0.2.2", self.places[1].port)):
            self.one.network.deliver(packet, place, self.places[0].port)
        self.assertEqual(self.one.heard(), [])
        self.assertEqual(self.said(self.one, self.two), 5)

    def test_wrongKeys(self) -> None:
        """Media under another key is dropped; each end says so once in its log, and the call goes on."""
        self.meet()
        self.protect(self.one, self.keys)
        self.protect(self.two, Protection(newKey(), newKey()))
        for _ in range(HOPELESS):
            self.assertEqual(self.said(self.one, self.two), 0)
        self.assertEqual(self.lines("is dropped: it is not under the key"), 2)
        self.assertEqual(self.failures, [])
        self.protect(self.two, swapped(self.keys))
        self.assertProtected()

    def test_hold(self) -> None:
        """Over hold and resume the keys go on, with their rollover counters; nothing is sent to who holds."""
        self.meet()
        self.byKeys()
        self.numbers = count(65534)
        self.assertProtected()
        for direction, words in ((Direction.SENDONLY, 0), (Direction.SENDRECV, 5)):
            self.describe(self.one, self.places[1], direction)
            self.protect(self.one, self.keys)
            self.describe(self.two, self.places[0], direction.mirrored)
            self.protect(self.two, swapped(self.keys))
            self.assertEqual(self.said(self.one, self.two), words)
            self.assertEqual(self.said(self.two, self.one), 5)

    def test_beginsAnew(self) -> None:
        """A source that begins anew under its old SSRC, far behind its last number, is heard on after one packet."""
        self.meet()
        self.byKeys()
        self.assertProtected()
        for start, heard in ((60000, 5), (30000, 4), (100, 4)):
            self.numbers = count(start)
            self.assertEqual(self.said(self.one, self.two), heard)
            self.assertEqual(self.said(self.one, self.two), 5)

    @slow
    def test_repeated(self) -> None:
        """A packet that comes twice goes once, and the stream goes on."""
        self.meet()
        self.byKeys()
        self.assertProtected()
        for _ in range(2):
            self.one.speak(500)
        self.numbers = count(501)
        self.assertEqual(self.said(self.one, self.two), 6)

    def test_keyChanges(self) -> None:
        """Each end may change its key in the middle of the call."""
        self.meet()
        self.byKeys()
        for changed in (
            evolve(self.keys, ours=newKey()),
            evolve(self.keys, theirs=newKey()),
            Protection(newKey(Suite.AEAD_AES_256_GCM), newKey(Suite.AEAD_AES_256_GCM)),
        ):
            self.byKeys(changed)
            self.assertProtected()

    def test_toPlain(self) -> None:
        """If plain media is agreed on later it is plain, and the other way round."""
        self.meet()
        self.byKeys()
        self.assertProtected()
        self.protect(self.one, None)
        self.protect(self.two, None)
        self.carried.clear()
        self.assertTalking()
        self.assertTrue([each for each in self.carried if b"speech" in each])
        self.assertEqual(self.lines("not protected any more"), 2)
        self.byKeys()
        self.assertProtected()
