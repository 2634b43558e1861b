# -*- test-case-name: ichatgw.test.test_media_srtp -*-
"""
Tests for L{ichatgw.media.srtp}.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.media.rtp import RTPPacket
from ichatgw.media.srtp import MasterKey, Shield, Suite

REPORT = bytes.fromhex("80c90001") + bytes(4)


def keyFor(suite: Suite) -> MasterKey:
    return MasterKey(suite, os.urandom(suite.keyOctets + suite.saltOctets))


def packet(sequence: int, payload: bytes = b"speech") -> bytes:
    return RTPPacket(0, sequence, sequence * 160, 7, payload).pack()


class ShieldTests(SynchronousTestCase):
    """L{Shield}."""

    def pair(self, suite: Suite = Suite.AES_CM_128_HMAC_SHA1_80) -> tuple[Shield, Shield]:
        one, two = keyFor(suite), keyFor(suite)
        return Shield(one, two), Shield(two, one)

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

    def test_key(self) -> None:
        """A key of the wrong length is none, and none shows in logs."""
        self.assertRaises(ValueError, MasterKey, Suite.AEAD_AES_256_GCM, bytes(30))
        self.assertNotIn("secret", repr(MasterKey(Suite.AES_CM_128_HMAC_SHA1_80, b"secret" * 5)))
