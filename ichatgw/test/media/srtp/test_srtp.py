# -*- test-case-name: ichatgw.test.media.srtp.test_srtp -*-
"""
Tests for L{ichatgw.media.srtp.srtp}.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.media.srtp.inplace import TRAILER, InPlace
from ichatgw.media.srtp.srtp import SUITES, MasterKey, SRTPContext, Suite
from ichatgw.test.support.media import srtpvectors

REPORT = bytes.fromhex("80c90001") + bytes(4)


def keyFor(suite: Suite) -> MasterKey:
    return MasterKey(suite, os.urandom(suite.keyOctets + suite.saltOctets))


def packet(sequence: int, payload: bytes = b"speech") -> bytes:
    return RTPPacket(0, sequence, sequence * 160, 7, payload).pack()


class ShieldTests(SynchronousTestCase):
    """L{SRTPContext}."""

    def pair(self, suite: Suite = Suite.AES_CM_128_HMAC_SHA1_80) -> tuple[SRTPContext, SRTPContext]:
        one, two = keyFor(suite), keyFor(suite)
        return SRTPContext(one, two), SRTPContext(two, one)

    def test_bothWays(self) -> None:
        """What one protects the other opens, RTP and RTCP, with every suite."""
        for suite in Suite:
            one, two = self.pair(suite)
            for near, far in ((one, two), (two, one)):
                protected = near.protect(packet(1))
                self.assertNotIn(b"speech", protected)
                self.assertEqual(far.open(protected), packet(1))
                self.assertEqual(far.openControl(near.protectControl(REPORT)), REPORT)

    def test_forged(self) -> None:
        """What was changed, comes again, is under another key or is no packet, is refused."""
        one, two = self.pair()
        protected = one.protect(packet(1))
        two.open(protected)
        other, _ = self.pair()
        for wrong in (
            protected,
            protected[:-1] + bytes([protected[-1] ^ 1]),
            other.protect(packet(2)),
            packet(3),
            b"",
            b"\x80",
            bytes(12),
            bytes(3000),
        ):
            self.assertRaises(MalformedError, two.open, wrong)
            self.assertRaises(MalformedError, two.openControl, wrong)
        self.assertEqual(two.open(one.protect(packet(2))), packet(2))

    def test_tooLong(self) -> None:
        """A packet for which libsrtp has no room is refused, and no memory is written that is not its own."""
        one, _ = self.pair()
        for size in (1400, 1450, 1490, 1500, 1600):
            try:
                one.protect(packet(1, bytes(size)))
            except MalformedError:
                continue
            self.assertTrue(size < 1500)
        self.assertRaises(MalformedError, one.protect, b"")
        self.assertRaises(MalformedError, one.protectControl, b"")

    def test_longCalls(self) -> None:
        """The sequence number goes round, and the far end goes on (the rollover counter)."""
        one, two = self.pair()
        for sequence in range(65500, 65600):
            plain = packet(sequence & 0xFFFF)
            self.assertEqual(two.open(one.protect(plain)), plain)

    def test_inPlace(self) -> None:
        """The same in the buffer where a packet lies: it is longer then, or shorter, and nothing else changes."""
        for suite in SUITES:
            for isDirect in (True, False):
                one, two = self.pair(suite)
                buffer = bytearray(2052)
                near, far = InPlace(one, buffer), InPlace(two, buffer)
                self.assertTrue(near._isDirect)
                near._isDirect = far._isDirect = isDirect
                for sequence in range(5):
                    plain = packet(sequence, os.urandom(160))
                    buffer[: len(plain)] = plain
                    size = near.protect(len(plain))
                    self.assertGreater(size, len(plain))
                    self.assertNotIn(plain[12:], buffer)
                    protected = bytes(buffer[:size])
                    self.assertEqual(far.open(size), len(plain))
                    self.assertEqual(buffer[: len(plain)], plain)
                    buffer[:size] = protected
                    self.assertRaises(MalformedError, far.open, size)  # it came before
                self.assertEqual(two.open(near.copied(packet(9))), packet(9))

    def test_inPlaceRefused(self) -> None:
        """What is no packet, or leaves no room, is refused, and nothing is written beyond the buffer."""
        one, two = self.pair()
        buffer = bytearray(2052)
        buffer[0] = 0x80
        near, far = InPlace(one, buffer), InPlace(two, buffer)
        for size in (0, 1, 11, len(buffer) - TRAILER + 1, len(buffer), 3000, -1):
            self.assertRaises(MalformedError, near.protect, size)
            self.assertRaises(MalformedError, far.open, size)
        self.assertEqual(near.protect(len(buffer) - TRAILER), len(buffer) - TRAILER + 10)

    def test_inPlaceNewKey(self) -> None:
        """While a party changes its key, packets under both are opened."""
        one, two = keyFor(SUITES[0]), keyFor(SUITES[0])
        new = keyFor(SUITES[0])
        before = SRTPContext(one, two)
        far = SRTPContext(two, one)
        farther = SRTPContext(new, one, far)
        buffer = bytearray(2052)
        place = InPlace(SRTPContext(one, new, before), buffer)
        for shield, sequence in ((far, 1), (farther, 2), (farther, 3)):
            protected = shield.protect(packet(sequence))
            buffer[: len(protected)] = protected
            self.assertEqual(bytes(buffer[: place.open(len(protected))]), packet(sequence))
        self.assertFalse(place._shield.isChanging)

    def test_otherBinding(self) -> None:
        """A pylibsrtp without the handles is used by its public methods."""
        one, _ = self.pair()
        del one._out._srtp
        self.assertFalse(InPlace(one, bytearray(2052))._isDirect)

    def test_key(self) -> None:
        """A key of the wrong length is none, and none shows in logs."""
        self.assertRaises(ValueError, MasterKey, Suite.AEAD_AES_256_GCM, bytes(30))
        self.assertNotIn("secret", repr(MasterKey(Suite.AES_CM_128_HMAC_SHA1_80, b"secret" * 5)))


class KeyChangeTests(SynchronousTestCase):
    """Other keys for the same party."""

    def setUp(self) -> None:
        self.ours, self.theirs, self.next = (keyFor(Suite.AES_CM_128_HMAC_SHA1_80) for _ in range(3))
        self.near = SRTPContext(self.ours, self.theirs)
        self.far = SRTPContext(self.theirs, self.ours)

    def roll(self) -> None:
        """Let the sequence numbers of both directions go round once."""
        for sequence in (65533, 65534, 65535, 0, 1):
            self.assertEqual(self.far.open(self.near.protect(packet(sequence))), packet(sequence))
            self.assertEqual(self.near.open(self.far.protect(packet(sequence))), packet(sequence))

    def test_sameKeys(self) -> None:
        """With the same keys nothing begins anew: the rollover counters stay, and what came before comes not again."""
        self.roll()
        old = self.far.protect(packet(2))
        self.near.open(old)
        self.near = SRTPContext(self.ours, self.theirs, self.near)
        self.assertRaises(MalformedError, self.near.open, old)
        self.assertEqual(self.near.open(self.far.protect(packet(3))), packet(3))
        self.assertEqual(self.far.open(self.near.protect(packet(2))), packet(2))
        afresh = SRTPContext(self.ours, self.theirs)
        self.assertRaises(MalformedError, self.far.open, afresh.protect(packet(3)))

    def test_theirKeyChanges(self) -> None:
        """A new key of the party is taken; our direction goes on, and its old key holds until the new one is used."""
        self.roll()
        late = [self.far.protect(packet(sequence)) for sequence in (2, 3, 4)]
        self.near = SRTPContext(self.ours, self.next, self.near)
        self.assertEqual(self.near.open(late[0]), packet(2))
        self.far = SRTPContext(self.next, self.ours, self.far)
        self.assertEqual(self.near.open(self.far.protect(packet(5))), packet(5))
        self.assertRaises(MalformedError, self.near.open, late[1])
        self.assertEqual(self.far.open(self.near.protect(packet(2))), packet(2))

    def test_ourKeyChanges(self) -> None:
        """A new key of ours is used at once, with a rollover counter of its own (RFC 3711 section 3.3.1)."""
        self.roll()
        self.near = SRTPContext(self.next, self.theirs, self.near)
        self.far = SRTPContext(self.theirs, self.next, self.far)
        self.assertEqual(self.far.open(self.near.protect(packet(2))), packet(2))
        self.assertEqual(self.near.open(self.far.protect(packet(2))), packet(2))


class VectorTests(SynchronousTestCase):
    """By the RFCs."""

    def test_suites(self) -> None:
        """libsrtp has all of them here."""
        self.assertEqual(SUITES, tuple(Suite))

    def test_judge(self) -> None:
        """The second opinion is right about RFC 3711 appendix B.3, RFC 6188 section 7.2 and RFC 7714 section 16.1.1."""
        key, salt = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139"), bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
        for label, expected in (
            (0, "C61E7A93744F39EE10734AFE3FF7A087"),
            (2, "30CBBC08863D8C85D49DB34A9AE1"),
            (1, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"),
        ):
            self.assertEqual(srtpvectors.derived(key, salt, label, len(expected) // 2).hex(), expected.lower())
        key = bytes.fromhex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6")
        salt = bytes.fromhex("3b04803de51ee7c96423ab5b78d2")
        for label, expected in (
            (0, "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"),
            (2, "fa31791685ca444a9e07c6c64e93"),
            (1, "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"),
        ):
            self.assertEqual(srtpvectors.derived(key, salt, label, len(expected) // 2).hex(), expected)
        clear = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"
        self.assertEqual(
            srtpvectors.sealed(bytes(range(16)), b"Quid pro quo", clear).hex(),
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
            "899d7f27beb16a9152cf765ee4390cce",
        )

    def test_packets(self) -> None:
        """Each suite makes of a packet what the RFCs make of it."""
        tags = {Suite.AES_256_CM_HMAC_SHA1_32: 4, Suite.AES_CM_128_HMAC_SHA1_32: 4}
        for suite in Suite:
            ours, theirs = keyFor(suite), keyFor(suite)
            expected = srtpvectors.protected(ours, packet(4711), tags.get(suite, 10))
            self.assertEqual(SRTPContext(ours, theirs).protect(packet(4711)), expected, suite)

    def test_shortTagIsForMediaOnly(self) -> None:
        """With a tag of 32 bits for RTP, RTCP still has one of 80 (RFC 4568 section 6.2.2, RFC 6188 section 3.1)."""
        for suite in (Suite.AES_256_CM_HMAC_SHA1_32, Suite.AES_CM_128_HMAC_SHA1_32):
            shield = SRTPContext(keyFor(suite), keyFor(suite))
            self.assertEqual(len(shield.protect(packet(1))), len(packet(1)) + 4)
            self.assertEqual(len(shield.protectControl(REPORT)), len(REPORT) + 4 + 10)
