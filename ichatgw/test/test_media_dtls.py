# -*- test-case-name: ichatgw.test.test_media_dtls -*-
"""
Tests for L{ichatgw.media.dtls}.
"""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.dtls import DTLS, HANDSHAKE_TIMEOUT, MTU, Identity, fingerprintOf
from ichatgw.media.srtp import MasterKey
from ichatgw.model import Fingerprint


class End:
    """One end of an association."""

    def __init__(self, clock: Clock, active: bool, identity: Identity, expected: Fingerprint) -> None:
        self.sent: list[bytes] = []
        self.keys: list[tuple[MasterKey, MasterKey]] = []
        self.failures: list[str] = []
        self.dtls = DTLS(
            clock,
            identity,
            active,
            expected,
            self.sent.append,
            lambda ours, theirs: self.keys.append((ours, theirs)),
            self.failures.append,
        )

    def take(self) -> list[bytes]:
        taken = self.sent[:]
        self.sent.clear()
        return taken


class DTLSTests(SynchronousTestCase):
    """L{DTLS}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ours, self.theirs = Identity(), Identity()
        self.make(self.theirs.fingerprint)

    def make(self, expected: Fingerprint) -> None:
        self.active = End(self.clock, True, self.ours, expected)
        self.passive = End(self.clock, False, self.theirs, self.ours.fingerprint)

    def talk(self) -> None:
        self.passive.dtls.start()
        self.active.dtls.start()
        for _ in range(10):
            for near, far in ((self.active, self.passive), (self.passive, self.active)):
                for datagram in near.take():
                    self.assertTrue(len(datagram) <= MTU)
                    far.dtls.received(datagram)

    def test_keys(self) -> None:
        """Both have the same keys, each its own and the other's."""
        self.talk()
        ((ours, theirs),) = self.active.keys
        self.assertEqual(self.passive.keys, [(theirs, ours)])
        self.assertNotEqual(ours, theirs)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(HANDSHAKE_TIMEOUT + 1)
        self.assertEqual(self.active.failures + self.passive.failures, [])

    def test_hashes(self) -> None:
        """A fingerprint may be by any hash that we know, in whatever case."""
        certificate = self.theirs._certificate
        for algorithm in ("sha-1", "sha-384", "sha-512", "sha-256"):
            found = fingerprintOf(certificate, algorithm)
            self.make(Fingerprint(algorithm, found.value.lower()))
            self.talk()
            self.assertEqual(len(self.active.keys), 1, algorithm)
        self.assertRaises(ValueError, fingerprintOf, certificate, "md5")

    def test_wrongCertificate(self) -> None:
        """Whoever has another certificate gets no key."""
        self.make(Identity().fingerprint)
        self.talk()
        self.assertEqual(self.active.keys, [])
        self.assertEqual(len(self.active.failures), 1)
        self.assertIn("not the one", self.active.failures[0])

    def test_late(self) -> None:
        """A handshake that goes on for too long is given up, and leaves nothing."""
        self.active.dtls.start()
        self.clock.advance(HANDSHAKE_TIMEOUT + 1)
        self.assertEqual(len(self.active.failures), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_garbage(self) -> None:
        """Garbage changes nothing, and a flood of it is not listened to for ever."""
        self.active.dtls.start()
        self.passive.dtls.start()
        for _ in range(20):
            self.passive.dtls.received(b"\x16\xfe\xfd" + os.urandom(80))
            self.passive.dtls.received(b"")
        self.talk()
        self.assertEqual((len(self.active.keys), len(self.passive.keys)), (1, 1))
        self.make(self.theirs.fingerprint)
        for _ in range(1000):
            self.passive.dtls.received(b"\x16\xfe\xfd" + os.urandom(80))
        self.assertEqual(len(self.passive.failures), 1)
        self.assertIn("no end", self.passive.failures[0])

    def test_afterwards(self) -> None:
        """A last flight that comes again, data and garbage after the handshake are no matter."""
        self.talk()
        for _ in range(300):
            self.active.dtls.received(b"\x17\xfe\xfd" + os.urandom(80))
        self.assertEqual((len(self.active.keys), self.active.failures), (1, []))

    def test_close(self) -> None:
        """A closed association hears and says nothing."""
        self.active.dtls.start()
        self.active.take()
        self.active.dtls.close()
        self.active.dtls.close()
        self.active.dtls.received(b"\x16\xfe\xfd" + bytes(80))
        self.clock.advance(100)
        self.assertEqual((self.active.sent, self.active.failures, self.clock.getDelayedCalls()), ([], [], []))
