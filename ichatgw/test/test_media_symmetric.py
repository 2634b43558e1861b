# -*- test-case-name: ichatgw.test.test_media_symmetric -*-
"""
Tests for L{ichatgw.media.side}, through the sockets: who is taken for the party, wherever it says it is.
"""

from __future__ import annotations

from ichatgw.media.relay import Relay
from ichatgw.model import PCMU, SessionDescription
from ichatgw.test.relays import ALICE, BOB, SEEN_BY_BOB, STRANGER, TO_BOB, RelayTestCase, at, receiverReport, rtp


class LatchingTests(RelayTestCase):
    """Symmetric RTP: who is taken for the party."""

    NATTED = ("203.0.113.9", 40404)

    def setUp(self) -> None:
        super().setUp()
        self.connectBoth()

    def test_nat(self) -> None:
        """A party that sends from elsewhere than it said is sent to there."""
        self.fromBob(rtp(), self.NATTED)
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(ALICE)), len(self.heard(self.NATTED)), self.heard(BOB)), (1, 1, []))

    def test_signalledWins(self) -> None:
        """Who comes from the signalled address is the party, whoever came before."""
        self.fromBob(rtp(), self.NATTED)
        self.fromBob(rtp())
        self.fromBob(rtp(), self.NATTED)
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(ALICE)), len(self.heard(BOB)), self.heard(self.NATTED)), (2, 1, []))

    def test_thirdSender(self) -> None:
        """Another sender is ignored, with one line in the log however much it sends."""
        self.fromBob(rtp())
        for sequence in range(50):
            self.fromBob(rtp(sequence), STRANGER)
        self.assertEqual(len(self.heard(ALICE)), 1)
        self.fromAlice(rtp())
        self.assertEqual(len(self.heard(BOB)), 1)
        self.assertEqual(self.relay.callee.arriving.dropped["stranger"], 50)
        self.assertEqual(self.lines("is dropped"), 1)

    def test_otherPartyIsNoParty(self) -> None:
        """A party that sends to the other's port is a third sender there."""
        self.fromBob(rtp())
        self.fromBob(rtp(), ALICE)
        self.assertEqual(len(self.heard(ALICE)), 1)

    def test_nothingLearnedFromJunk(self) -> None:
        """Only well-formed RTP shows where the party is."""
        for datagram in (
            b"",
            b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"t" * 12,
            b"\x16\xfe\xff" + b"d" * 40,
            b"\r\n\r\n",
            b"OPTIONS sip:x SIP/2.0\r\n\r\n",
            b"\xc0" + rtp()[1:],
            rtp()[:11],
            b"\x9f" + rtp()[1:30],
            b"\xa0" + rtp()[1:-1] + b"\xff",
            receiverReport(1, 2),
            b"x" * 3000,
        ):
            self.fromBob(datagram, STRANGER)
        self.fromBob(receiverReport(1, 2), STRANGER, TO_BOB + 1)
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(BOB)), self.heard(STRANGER)), (1, []))
        self.fromBob(rtp())
        self.assertEqual(len(self.heard(ALICE)), 1)

    def test_relatchAfterSilence(self) -> None:
        """A party that fell silent for two seconds may go on from elsewhere, not before; it is reached meanwhile."""
        self.fromBob(rtp(), self.NATTED)
        self.pump(1.9)
        self.fromBob(rtp(), STRANGER)
        self.fromAlice(rtp())
        self.assertEqual(len([p for p in self.heard(self.NATTED) if p.ssrc == SEEN_BY_BOB]) > 0, True)
        self.pump(0.2)
        self.heard(ALICE)
        self.assertEqual(self.heard(STRANGER), [])
        self.fromBob(rtp(), STRANGER)
        self.fromAlice(rtp(2))
        self.assertEqual((len(self.heard(ALICE)), len(self.heard(STRANGER))), (1, 1))

    def test_returnAfterSilence(self) -> None:
        """A party that fell silent goes on from where it was."""
        self.fromBob(rtp(), self.NATTED)
        self.pump(5)
        self.heard(ALICE)
        self.fromBob(rtp(), self.NATTED)
        self.fromBob(rtp(), STRANGER)
        self.assertEqual(len(self.heard(ALICE)), 1)

    def test_moved(self) -> None:
        """A party that says it has moved is sent to there at once, and no more known from where it was."""
        self.fromBob(rtp())
        elsewhere = ("198.51.100.22", 5500)
        self.relay.callee.connect(at(elsewhere))
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(elsewhere)), self.heard(BOB)), (1, []))
        self.fromBob(rtp(), elsewhere)
        self.fromBob(rtp())
        self.assertEqual(len(self.heard(ALICE)), 2)

    def test_saidAgain(self) -> None:
        """A party that says the same again is still where it was learned to be."""
        self.fromBob(rtp(), self.NATTED)
        self.relay.callee.connect(at(BOB))
        self.relay.callee.connect(SessionDescription((PCMU,)))
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(self.NATTED)), self.heard(BOB)), (1, []))

    def test_addressNotSaid(self) -> None:
        """A party that has not said where it is, is found by its first valid packet."""
        relay = self.engine.allocate("call-2")
        relay.caller.local(ALICE[0])
        relay.caller.connect(at(ALICE))
        port = relay.callee.local(BOB[0]).port
        relay.callee.connect(SessionDescription((PCMU,)))
        self.fromBob(b"\0\1" + b"s" * 20, STRANGER, port)
        self.fromBob(rtp(), BOB, port)
        self.assertEqual(len(self.heard(ALICE)), 1)
        self.assertIsInstance(relay, Relay)
        self.network.deliver(rtp(), ALICE, 8004)
        self.assertEqual(len(self.heard(BOB)), 1)

    def test_nowhere(self) -> None:
        """A party that names no place of one host is not sent to."""
        for host, port in (("0.0.0.0", 5000), ("239.1.1.1", 5000), ("198.51.100.2", 0)):
            self.relay.callee.connect(at((host, port)))
            self.fromAlice(rtp())
            self.pump(1.5)
        self.assertEqual(self.network.at(TO_BOB).sent, [])
        self.assertEqual(self.network.at(TO_BOB + 1).sent, [])

    def test_quiet(self) -> None:
        """It can be asked for how long a party has sent nothing."""
        self.fromBob(rtp())
        self.pump(0.2)
        self.assertLess(self.relay.callee.quiet, 0.3)
        self.pump(5)
        self.assertApproximates(self.relay.callee.quiet, 5.1, 0.11)
