# -*- test-case-name: ichatgw.test.media.transport.test_dtlssrtp -*-
"""
Tests for L{ichatgw.media.transport.secured}: SRTP between two hosts, with keys from DTLS.
"""

from __future__ import annotations

from ichatgw.media.dtls.dtls import HANDSHAKE_TIMEOUT, Identity
from ichatgw.media.dtls.handshakes import MAX_OF_OTHERS
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.model import (
    PCMU,
    Direction,
    EndReason,
    Protection,
    SessionDescription,
    TransportAddress,
)
from ichatgw.test.marks import slow
from ichatgw.test.support.media.securedhosts import STRANGER, SecuredCase


class DTLSTests(SecuredCase):
    """Keys from DTLS."""

    def test_bothWays(self) -> None:
        """No matter who begins, with or without a port for RTCP: media is protected, RTCP too."""
        for self.muxed in (False, True):
            for oneIsActive in (False, True):
                self.build(("192.0.2.1",), ("192.0.2.2",))
                self.meet()
                self.byDTLS(oneIsActive)
                self.run_(0.1)
                self.assertProtected()
                self.reports()
        self.assertEqual(self.failures, [])

    @slow
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
        """A peer that shows another certificate at the address of the party is refused at once; no media flows."""
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
        for number in range(3 * MAX_OF_OTHERS):
            self.one.network.deliver(hello, (STRANGER[0], 7000 + number), self.places[0].port)
        self.protect(self.two, Protection(fingerprint=self.one.engine.identity.fingerprint, active=True))
        self.run_(0.1)
        self.assertProtected()
        for number in range(3 * MAX_OF_OTHERS):
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

    @slow
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
