# -*- test-case-name: ichatgw.test.media.transport.test_failures -*-
"""
Transports that do not find each other, lose each other, or are disturbed by others.
"""

from __future__ import annotations

import os

from attrs import evolve

from ichatgw.errors import Congested
from ichatgw.media.ice import stun
from ichatgw.media.ice.agent import ANSWER_TIMEOUT
from ichatgw.media.ice.consent import LIFE
from ichatgw.media.transport.transport import Insecure
from ichatgw.model import (
    PCMU,
    Candidate,
    EndReason,
    Fingerprint,
    TransportAddress,
)
from ichatgw.test.marks import slow
from ichatgw.test.support.media.mediahosts import MEDIA, Host, World


class FailureTests(World):
    """What should not."""

    def assertFailed(self, host: Host, reason: EndReason, words: str = "") -> None:
        self.assertEqual([ending.reason for ending in host.news.endings], [reason])
        self.assertIn(words, host.news.endings[0].text)

    def test_noWay(self) -> None:
        """If no pair works that is said, once, and nothing is left."""
        self.lose = lambda datagram: True
        self.join()
        self.run_(ANSWER_TIMEOUT + 1, 0.25)
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

    @slow
    def test_stays(self) -> None:
        """One that is there stays, though it says nothing for hours."""
        self.join()
        self.run_(200, 0.25)
        self.assertEqual(self.one.news.endings + self.two.news.endings, [])
        self.assertTalking()

    def test_wrongFingerprint(self) -> None:
        """Somebody else's certificate ends it before a key is used."""
        offer = self.offer()
        answer = self.two.make(offer).local
        forged = Fingerprint("sha-256", ":".join(["AB"] * 32))
        self.introduce(evolve(offer, fingerprint=forged), answer)
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

    @slow
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

    @slow
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

    @slow
    def test_manyCandidates(self) -> None:
        """Thousands of candidates are no more work than some dozen."""
        offer = self.offer()
        many = tuple(
            Candidate(f"m{n}", 1, 1 + n, TransportAddress(f"198.51.{n // 250}.{n % 250 + 1}", 9)) for n in range(5000)
        )
        self.two.make(offer)
        self.two.transport.addCandidates(many)
        self.two.transport.connect(evolve(offer, candidates=many), MEDIA, (PCMU,))
        self.two.transport.addCandidates(many)
        self.run_(ANSWER_TIMEOUT + 1, 0.25)
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
