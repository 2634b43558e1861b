# -*- test-case-name: ichatgw.test.media.dtls.test_dtls -*-
"""
Tests for L{ichatgw.media.dtls.dtls}.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any
from warnings import catch_warnings, simplefilter

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import InvalidVersion
from OpenSSL import SSL, crypto
from twisted.internet import reactor as installed
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ichatgw.media.dtls.dtls import _SUITES, DTLS, HANDSHAKE_TIMEOUT, LAST_FLIGHT_TIMEOUT, MTU, Identity, fingerprintOf
from ichatgw.media.srtp.srtp import MasterKey
from ichatgw.model import Fingerprint
from ichatgw.test.marks import slow

reactor: Any = installed

HANDSHAKE = 22
SERVER_HELLO, NEW_SESSION_TICKET = 2, 4


class End:
    """One end of an association."""

    def __init__(self, clock: Any, active: bool, identity: Identity, expected: Fingerprint) -> None:
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


def split(datagram: bytes) -> list[bytes]:
    """The records of a datagram."""
    records = []
    while datagram:
        size = 13 + int.from_bytes(datagram[11:13], "big")
        records.append(datagram[:size])
        datagram = datagram[size:]
    return records


class LossTests(TestCase):
    """
    What is lost is sent again.  OpenSSL decides by the clock of the host when, so this takes real seconds.
    """

    timeout = 60

    @slow
    async def test_lost(self) -> None:
        """The first datagram of each end is lost, and so is every fourth one after that."""
        sent = await self.handshake(lambda number, records: records if number % 4 else [])
        self.assertGreater(sent, 4)

    async def test_disorder(self) -> None:
        """The records of every other datagram come in the wrong order."""
        await self.handshake(lambda number, records: records if number % 2 else records[::-1])

    async def handshake(self, carry: Callable[[int, list[bytes]], list[bytes]]) -> int:
        """
        Both come to the same keys.

        @param carry: what arrives of the records of a datagram, which is told with its number.
        @return: how many datagrams that took.
        """
        ours, theirs = Identity(), Identity()
        active = End(reactor, True, ours, theirs.fingerprint)
        passive = End(reactor, False, theirs, ours.fingerprint)
        passive.dtls.start()
        active.dtls.start()
        sent = {active: 0, passive: 0}
        while not (active.keys and passive.keys):
            for near, far in ((active, passive), (passive, active)):
                for datagram in near.take():
                    for record in carry(sent[near], split(datagram)):
                        far.dtls.received(record)
                    sent[near] += 1
            self.assertEqual(active.failures + passive.failures, [])
            await deferLater(reactor, 0.02)
        self.assertEqual(active.keys[0], passive.keys[0][::-1])
        active.dtls.close()
        passive.dtls.close()
        return sum(sent.values())


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

    def test_letGo(self) -> None:
        """When no flight can be wanted again, OpenSSL's memory is given back, and nothing is answered."""
        self.talk()
        self.assertEqual(len(self.passive.keys), 1)
        connection = weakref.ref(self.passive.dtls._connection)
        self.clock.advance(LAST_FLIGHT_TIMEOUT)
        self.assertIsNone(connection())
        self.passive.dtls.received(b"\x16" * 20)
        self.assertEqual((self.passive.take(), self.passive.failures, self.clock.getDelayedCalls()), ([], [], []))
        self.passive.dtls.close()

    def test_keys(self) -> None:
        """Both have the same keys, each its own and the other's."""
        self.talk()
        ((ours, theirs),) = self.active.keys
        self.assertEqual(self.passive.keys, [(theirs, ours)])
        self.assertNotEqual(ours, theirs)
        self.clock.advance(LAST_FLIGHT_TIMEOUT)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(HANDSHAKE_TIMEOUT + 1)
        self.assertEqual(self.active.failures + self.passive.failures, [])

    def test_resumption(self) -> None:
        """Nothing of an association is kept for another one: no session of OpenSSL's, no ticket at the peer."""
        self.assertEqual(self.theirs.context.get_session_cache_mode(), SSL.SESS_CACHE_OFF)
        flights: list[bytes] = []
        self.passive.dtls.start()
        self.active.dtls.start()
        for _ in range(10):
            for datagram in self.active.take():
                self.passive.dtls.received(datagram)
            flights += self.passive.sent
            for datagram in self.passive.take():
                self.active.dtls.received(datagram)
        self.assertEqual(len(self.passive.keys), 1)
        kinds = {record[13] for datagram in flights for record in split(datagram) if record[0] == HANDSHAKE}
        self.assertIn(SERVER_HELLO, kinds)
        self.assertNotIn(NEW_SESSION_TICKET, kinds)

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
        """A peer with another certificate gets no key."""
        self.make(Identity().fingerprint)
        self.talk()
        self.assertEqual(self.active.keys, [])
        self.assertEqual(len(self.active.failures), 1)
        self.assertIn("not the one", self.active.failures[0])

    def test_oddCertificate(self) -> None:
        """A certificate that OpenSSL takes and others would choke on is compared like any other."""
        self.theirs = Identity()
        encoded = self.theirs._certificate.public_bytes(Encoding.DER)
        odd = encoded.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)  # version 8
        certificate = crypto.load_certificate(crypto.FILETYPE_ASN1, odd)
        self.assertRaises(InvalidVersion, certificate.to_cryptography)
        with catch_warnings():
            simplefilter("ignore")
            self.theirs.context.use_certificate(certificate)
        self.make(Identity().fingerprint)
        self.talk()
        self.assertIn("not the one", self.active.failures[0])
        self.make(Fingerprint("sha-256", certificate.digest("sha256").decode()))
        self.talk()
        self.assertEqual(len(self.active.keys), 1)

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

    def test_flood(self) -> None:
        """Of a flood some is looked at; a true peer gets through beside it."""
        self.passive.dtls.start()
        for _ in range(1000):
            self.passive.dtls.received(b"\x16\xfe\xfd" + os.urandom(80))
        self.assertEqual(self.passive.failures, [])
        self.assertFalse(self.passive.dtls._limit.allow(None))
        self.clock.advance(1)
        self.talk()
        self.assertEqual((len(self.active.keys), len(self.passive.keys)), (1, 1))

    def test_twice(self) -> None:
        """Records that come one by one, and twice, make no difference."""
        self.passive.dtls.start()
        self.active.dtls.start()
        for _ in range(10):
            for near, far in ((self.active, self.passive), (self.passive, self.active)):
                for record in [record for datagram in near.take() for record in split(datagram)]:
                    far.dtls.received(record)
                    far.dtls.received(record)
        self.assertEqual((len(self.active.keys), len(self.passive.keys)), (1, 1))

    def test_suites(self) -> None:
        """Every way to protect RTP that both know is agreed on; who knows none of them gets no keys."""
        for profile, suite in _SUITES.items():
            theirs = Identity()
            theirs.context.set_tlsext_use_srtp(profile)
            self.theirs = theirs
            self.make(theirs.fingerprint)
            self.talk()
            ((ours, _),) = self.active.keys
            self.assertIs(ours.suite, suite)

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
