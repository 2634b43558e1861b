# -*- test-case-name: ichatgw.test.media.relay.test_rtcprelay -*-
"""
Tests for L{ichatgw.media.relay.rtcprelay}, through the sockets.
"""

from __future__ import annotations

import errno
from struct import pack

from ichatgw.model import TransportAddress
from ichatgw.test.support.media.relays import (
    ALICE,
    BOB,
    SEEN_BY_ALICE,
    SEEN_BY_BOB,
    STRANGER,
    TO_ALICE,
    TO_BOB,
    RelayTestCase,
    at,
    receiverReport,
    rtp,
)


class ControlTests(RelayTestCase):
    """RTCP passes in the numbers that the other party knows."""

    CONTROL_ALICE = (ALICE[0], ALICE[1] + 1)
    CONTROL_BOB = (BOB[0], BOB[1] + 1)

    def setUp(self) -> None:
        super().setUp()
        self.connectBoth()
        self.fromAlice(rtp(ssrc=0xAAAA))
        self.fromBob(rtp(ssrc=0xBBBB))
        self.heard(ALICE)
        self.heard(BOB)

    def test_report(self) -> None:
        """A report names the stream as its source does, and comes from the one that the other party hears."""
        self.fromBob(receiverReport(0xBBBB, SEEN_BY_BOB), self.CONTROL_BOB, TO_BOB + 1)
        self.assertEqual(
            self.network.at(TO_ALICE + 1).sent, [(receiverReport(SEEN_BY_ALICE, 0xAAAA), self.CONTROL_ALICE)]
        )

    def test_onePort(self) -> None:
        """An iChat sends RTCP from and to its one port; it is no RTP, and answers go where it came from."""
        place = TransportAddress(*BOB)
        self.relay.callee.connect(at(BOB, rtcp=place))
        self.fromAlice(receiverReport(0xAAAA, 0), self.CONTROL_ALICE, TO_ALICE + 1)
        self.assertEqual(self.network.at(TO_BOB).sent, [(receiverReport(SEEN_BY_BOB, 0), BOB)])
        self.fromBob(rtp(ssrc=0xBBBB))
        self.fromBob(receiverReport(0xBBBB, SEEN_BY_BOB))
        self.assertEqual(
            self.network.at(TO_ALICE + 1).sent, [(receiverReport(SEEN_BY_ALICE, 0xAAAA), self.CONTROL_ALICE)]
        )
        self.fromAlice(receiverReport(0xAAAA, 1), self.CONTROL_ALICE, TO_ALICE + 1)
        self.assertEqual(self.network.at(TO_BOB).sent[-1], (receiverReport(SEEN_BY_BOB, 1), BOB))

    def test_strangers(self) -> None:
        """RTCP from elsewhere is dropped, on both ports."""
        self.fromBob(receiverReport(1, 2), STRANGER, TO_BOB + 1)
        self.fromBob(receiverReport(1, 2), STRANGER)
        self.assertEqual(self.network.sentTo(self.CONTROL_ALICE), [])
        self.assertEqual(self.relay.callee.arriving.dropped["stranger"], 2)

    def test_malformed(self) -> None:
        """Broken RTCP, or anything else on its port, is dropped."""
        self.fromBob(receiverReport(1, 2)[:-4], self.CONTROL_BOB, TO_BOB + 1)
        self.fromBob(rtp(), self.CONTROL_BOB, TO_BOB + 1)
        self.fromBob(b"", self.CONTROL_BOB, TO_BOB + 1)
        self.fromBob(b"\x80\xc8".ljust(2500, b"\0"), self.CONTROL_BOB, TO_BOB + 1)
        self.assertEqual(self.network.sentTo(self.CONTROL_ALICE), [])
        self.assertEqual(dict(self.relay.callee.arriving.dropped), {"malformed RTCP": 1, "not RTCP": 3})

    def test_nat(self) -> None:
        """RTCP from another port of the host that RTP comes from is the party's; it is answered there."""
        self.relay.callee.connect(at((BOB[0], 9)))
        self.fromBob(rtp(), BOB)
        natted = (BOB[0], 31313)
        self.fromBob(receiverReport(0xBBBB, 0), natted, TO_BOB + 1)
        self.fromAlice(receiverReport(0xAAAA, 0), self.CONTROL_ALICE, TO_ALICE + 1)
        self.assertEqual(len(self.network.sentTo(natted)), 1)

    def test_counts(self) -> None:
        """A sender report counts what we sent, silence included, in timestamps of ours."""
        self.pump(2)
        self.fromAlice(rtp(5, ssrc=0xAAAA))
        packets = self.heard(BOB)
        report = pack("!BBHIIIIII", 0x80, 200, 6, 0xAAAA, 1, 2, 5 * 160, 77, 88)
        self.fromAlice(report, self.CONTROL_ALICE, TO_ALICE + 1)
        count = len(packets) + 1
        self.assertEqual(
            self.network.sentTo(self.CONTROL_BOB),
            [pack("!BBHIIIIII", 0x80, 200, 6, SEEN_BY_BOB, 1, 2, packets[-1].timestamp, count, count * 160)],
        )

    def test_unsendable(self) -> None:
        """RTCP that cannot be sent is lost."""
        self.network.at(TO_ALICE + 1).sendError = OSError(errno.EPERM, "no")
        self.fromBob(receiverReport(0xBBBB, SEEN_BY_BOB), self.CONTROL_BOB, TO_BOB + 1)
        self.assertEqual(self.relay.callee.arriving.dropped["unsendable"], 1)

    def test_notBeforeKnown(self) -> None:
        """Nothing is sent to a party whose place for RTCP is not known."""
        self.relay.callee.connect(at((BOB[0], 65535)))
        self.fromAlice(receiverReport(0xAAAA, 0), self.CONTROL_ALICE, TO_ALICE + 1)
        self.assertEqual([s.sent for s in self.network.sockets], [[]] * 4)
