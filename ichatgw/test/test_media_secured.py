# -*- test-case-name: ichatgw.test.test_media_secured -*-
"""
Two hosts, each with a relay, between which media is SRTP at plain addresses; at their other sides there are phones with
plain RTP.
"""

from __future__ import annotations

import os
from itertools import count
from typing import Any

from attrs import evolve
from twisted.logger import globalLogPublisher

from ichatgw.media import sdes
from ichatgw.media.dtls import HANDSHAKE_TIMEOUT, Identity
from ichatgw.media.handshakes import MOST_SOURCES
from ichatgw.media.lock import HOPELESS
from ichatgw.media.rtp import RTPPacket
from ichatgw.media.srtp import Suite
from ichatgw.model import (
    PCMU,
    CryptoKey,
    Direction,
    Ending,
    EndReason,
    Protection,
    SessionDescription,
    TransportAddress,
)
from ichatgw.test.test_media_relay import receiverReport
from ichatgw.test.test_media_transport import PHONE, Host, World

STRANGER = ("198.51.100.66", 6000)


def newKey(suite: Suite = Suite.AES_CM_128_HMAC_SHA1_80) -> CryptoKey:
    return sdes.newKey(suite, "1", os.urandom)[0]


def swapped(protection: Protection) -> Protection:
    """The same keys, as the other end sees them."""
    return evolve(protection, ours=protection.theirs, theirs=protection.ours)


class SecuredCase(World):
    """Host one and host two have described themselves to each other."""

    def setUp(self) -> None:
        super().setUp()
        self.failures: list[Ending] = []
        self.keys = Protection(newKey(), newKey())
        self.muxed = False
        self.numbers = count(1)
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def lines(self, text: str) -> int:
        return sum(text in (event["log_format"] or "") for event in self.events)

    def meet(self) -> None:
        """Phones, and addresses for both."""
        self.one.start()
        self.two.start()
        self.places = [host.side.local("192.0.2.9") for host in (self.one, self.two)]
        self.describe(self.one, self.places[1])
        self.describe(self.two, self.places[0])

    def describe(self, host: Host, place: TransportAddress, direction: Direction = Direction.SENDRECV) -> None:
        host.side.connect(SessionDescription((PCMU,), place, place if self.muxed else None, direction))

    def protect(self, host: Host, protection: Protection | None) -> None:
        host.side.protect(protection, self.failures.append)

    def byKeys(self, keys: Protection | None = None) -> None:
        agreed = self.keys if keys is None else keys
        self.protect(self.one, agreed)
        self.protect(self.two, swapped(agreed))

    def byDTLS(self, oneIsActive: bool = True) -> None:
        for host, other, active in ((self.one, self.two, oneIsActive), (self.two, self.one, not oneIsActive)):
            self.protect(host, Protection(fingerprint=other.engine.identity.fingerprint, active=active))

    def assertProtected(self) -> None:
        """The phones hear each other, and nobody else does."""
        self.carried.clear()
        self.assertTalking()
        self.assertFalse([each for each in self.carried if b"speech" in each])

    def said(self, near: Host, far: Host) -> int:
        """How many of five words get through."""
        far.heard()
        for _ in range(5):
            near.speak(next(self.numbers) & 0xFFFF)
            self.run_(0.02)
        return len(far.heard())

    def assertTalking(self) -> None:
        self.assertEqual((self.said(self.one, self.two), self.said(self.two, self.one)), (5, 5))

    def reports(self) -> None:
        """Both phones send RTCP; each hears the other's."""
        self.assertTalking()
        control = (PHONE[0], PHONE[1] + 1)
        for near, far in ((self.one, self.two), (self.two, self.one)):
            far.network.sentTo(control)
            near.network.deliver(receiverReport(77, 0), control, near.phonePort + 1)
            self.run_(0.02)
            self.assertEqual(len(far.network.sentTo(control)), 1)


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
        """Whoever proves by his key that he is the party is followed to where he is."""
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


class DTLSTests(SecuredCase):
    """Keys from DTLS."""

    def test_bothWays(self) -> None:
        """Whoever begins, with or without a port for RTCP: media is protected, RTCP too."""
        for self.muxed in (False, True):
            for oneIsActive in (False, True):
                self.build(("192.0.2.1",), ("192.0.2.2",))
                self.meet()
                self.byDTLS(oneIsActive)
                self.run_(0.1)
                self.assertProtected()
                self.reports()
        self.assertEqual(self.failures, [])

    def test_nothingBefore(self) -> None:
        """Before there are keys no RTP and no RTCP goes out, and none is taken."""
        self.meet()
        self.lose = lambda datagram: 20 <= datagram[0] <= 63
        self.byDTLS()
        self.assertEqual(self.said(self.one, self.two) + self.said(self.two, self.one), 0)
        self.assertFalse([each for each in self.carried if not 20 <= each[0] <= 63])
        self.two.network.deliver(
            RTPPacket(0, 1, 160, 9, b"speech").pack(), ("192.0.2.1", self.places[0].port), self.places[1].port
        )
        self.assertEqual(self.two.heard(), [])

    def test_early(self) -> None:
        """DTLS that overtakes the signalling is kept for it."""
        self.meet()
        self.protect(self.one, Protection(fingerprint=self.two.engine.identity.fingerprint, active=True))
        self.run_(0.05)
        self.protect(self.two, Protection(fingerprint=self.one.engine.identity.fingerprint))
        self.run_(0.1)
        self.assertProtected()

    def test_wrongCertificate(self) -> None:
        """Whoever shows another certificate at the address of the party is refused at once, and media never flows."""
        self.meet()
        self.protect(self.one, Protection(fingerprint=Identity().fingerprint, active=False))
        self.protect(self.two, Protection(fingerprint=self.one.engine.identity.fingerprint, active=True))
        self.run_(0.1)
        self.assertEqual([ending.reason for ending in self.failures][:1], [EndReason.SECURITY])
        self.assertIn("not the one", self.failures[0].text)
        self.assertEqual(self.said(self.one, self.two) + self.said(self.two, self.one), 0)

    def test_nobodyThere(self) -> None:
        """If nobody answers, the call is told after a time; nothing remains."""
        for active in (False, True):
            self.build(("192.0.2.1",), ("192.0.2.2",))
            self.meet()
            self.failures.clear()
            self.protect(self.one, Protection(fingerprint=Identity().fingerprint, active=active))
            self.clock.advance(HANDSHAKE_TIMEOUT + 1)
            self.assertEqual([ending.reason for ending in self.failures], [EndReason.SECURITY])
        self.one.relay.close()
        self.two.relay.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closed(self) -> None:
        """A relay that is closed leaves no handshake behind."""
        self.meet()
        self.byDTLS()
        self.one.relay.close()
        self.two.relay.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.protect(self.one, self.keys)
        self.assertEqual(self.failures, [])

    def test_strangersBegin(self) -> None:
        """Strangers who begin get less than they bring, and keep the party from nothing."""
        self.meet()
        hello = self.hello()
        self.protect(self.one, Protection(fingerprint=self.two.engine.identity.fingerprint, active=False))
        for number in range(3 * MOST_SOURCES):
            self.one.network.deliver(hello, (STRANGER[0], 7000 + number), self.places[0].port)
        self.protect(self.two, Protection(fingerprint=self.one.engine.identity.fingerprint, active=True))
        self.run_(0.1)
        self.assertProtected()
        for number in range(3 * MOST_SOURCES):
            (answer,) = self.one.network.sentTo((STRANGER[0], 7000 + number))
            self.assertLess(len(answer), len(hello))

    def hello(self) -> bytes:
        """What begins a handshake."""
        self.protect(self.two, Protection(fingerprint=self.one.engine.identity.fingerprint, active=True))
        found: list[bytes] = []
        self.lose = lambda datagram: found.append(datagram) or True  # type: ignore[func-returns-value]
        while self.carry():
            pass
        self.lose = lambda datagram: False
        self.protect(self.two, None)
        return found[0]

    def test_behindNAT(self) -> None:
        """A party that begins from elsewhere than it said is found there, if its certificate is the right one."""
        self.meet()
        self.describe(self.one, TransportAddress("10.1.2.3", 5000))
        self.protect(self.one, Protection(fingerprint=self.two.engine.identity.fingerprint, active=False))
        self.protect(self.two, Protection(fingerprint=self.one.engine.identity.fingerprint, active=True))
        self.run_(0.1)
        self.assertProtected()

    def test_heldFromTheStart(self) -> None:
        """With a party that does not say where it is yet, we begin when it does."""
        self.one.start()
        self.two.start()
        self.places = [host.side.local("192.0.2.9") for host in (self.one, self.two)]
        held = SessionDescription((PCMU,), None, None, Direction.SENDONLY)
        self.one.side.connect(held)
        self.describe(self.two, self.places[0])
        self.byDTLS()
        self.clock.advance(HANDSHAKE_TIMEOUT - 1)
        self.assertEqual(self.failures, [])
        self.describe(self.one, self.places[1])
        self.byDTLS()
        self.run_(0.1)
        self.assertProtected()

    def test_sameAgain(self) -> None:
        """What is only said again changes nothing."""
        self.meet()
        self.byDTLS()
        self.run_(0.1)
        self.assertProtected()
        self.carried.clear()
        self.describe(self.one, self.places[1])
        self.describe(self.two, self.places[0])
        self.byDTLS()
        self.run_(0.1)
        self.assertEqual([each for each in self.carried if 20 <= each[0] <= 63], [])
        self.assertProtected()

    def test_another(self) -> None:
        """Another certificate is another association; until it stands, the old keys hold, and if it never does, too."""
        self.meet()
        self.byDTLS()
        self.run_(0.1)
        self.protect(self.one, Protection(fingerprint=Identity().fingerprint, active=False))
        self.assertProtected()
        self.clock.advance(HANDSHAKE_TIMEOUT + 1)
        self.assertProtected()
        self.assertEqual(self.failures, [])
        self.assertEqual(self.lines("goes on with the old keys"), 1)

    def test_toKeys(self) -> None:
        """DTLS can be followed by keys from the signalling, and those by DTLS."""
        self.meet()
        self.byDTLS()
        self.run_(0.1)
        self.byKeys()
        self.assertProtected()
        self.byDTLS()
        self.run_(0.1)
        self.assertProtected()
