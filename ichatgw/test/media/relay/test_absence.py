# -*- test-case-name: ichatgw.test.media.relay.test_absence -*-
"""
Tests for L{ichatgw.media.relay.absence}, through a relay.
"""

from __future__ import annotations

from ichatgw.media.relay.relay import Relay
from ichatgw.model import Direction
from ichatgw.test.support.media.fakes import makeEngine
from ichatgw.test.support.media.relays import ALICE, BOB, RelayTestCase, at, receiverReport, rtp

ANSWER_TIMEOUT = 10


class AbsenceTests(RelayTestCase):
    """Bob may fall silent."""

    def setUp(self) -> None:
        super().setUp()
        self.relay.close()
        relay = makeEngine(self.clock, self.network, patience=ANSWER_TIMEOUT).allocate("call-2")
        assert isinstance(relay, Relay)
        self.relay = relay
        self.silences = 0
        relay.callee.watch(self.silent)
        self.connectBoth()

    def silent(self) -> None:
        self.silences += 1

    def test_silent(self) -> None:
        """A party that was heard and sends nothing any more is told of, not a moment sooner, and then again."""
        self.fromBob(rtp())
        self.pump(ANSWER_TIMEOUT - 0.2)
        self.assertEqual(self.silences, 0)
        self.pump(0.5)
        self.assertEqual(self.silences, 1)
        self.pump(ANSWER_TIMEOUT)
        self.assertEqual(self.silences, 2)

    def test_heard(self) -> None:
        """RTP and RTCP alike are a sign of life."""
        self.fromBob(rtp())
        for sign, source, port in (
            (rtp(), BOB, 8002),
            (receiverReport(0xAAAA, 1), (BOB[0], BOB[1] + 1), 8003),
        ):
            for _ in range(3):
                self.pump(ANSWER_TIMEOUT - 0.5)
                self.fromBob(sign, source, port)
        self.pump(ANSWER_TIMEOUT - 0.5)
        self.assertEqual(self.silences, 0)
        self.pump(0.8)
        self.assertEqual(self.silences, 1)

    def test_neverHeard(self) -> None:
        """A party that has never sent anything is not missed."""
        self.pump(5 * ANSWER_TIMEOUT)
        self.assertEqual(self.silences, 0)

    def test_holds(self) -> None:
        """Nor is one that says that it sends nothing, until it sends again."""
        self.fromBob(rtp())
        for direction in (Direction.INACTIVE, Direction.RECVONLY):
            self.relay.callee.connect(at(BOB, direction=direction))
            self.pump(2 * ANSWER_TIMEOUT)
            self.relay.callee.connect(at(BOB))
            self.relay.callee.hold(direction)
            self.pump(2 * ANSWER_TIMEOUT)
            self.assertEqual(self.silences, 0)
        self.relay.callee.hold(Direction.SENDRECV)
        self.pump(ANSWER_TIMEOUT + 0.5)
        self.assertEqual(self.silences, 1)

    def test_otherParty(self) -> None:
        """That the other one speaks does not count."""
        self.fromBob(rtp())
        for sequence in range(2 * ANSWER_TIMEOUT + 1):
            self.fromAlice(rtp(sequence), ALICE)
            self.pump(1)
        self.assertEqual(self.silences, 2)

    def test_never(self) -> None:
        """Without a time nobody is told of; nor when the call is over."""
        relay = makeEngine(self.clock, self.network, 9000, 9099).allocate("call-3")
        assert isinstance(relay, Relay)
        relay.callee.watch(self.silent)
        relay.callee.local(BOB[0])
        relay.callee.connect(at(BOB))
        self.fromBob(rtp(), BOB, 9002)
        self.fromBob(rtp())
        self.relay.close()
        self.pump(3 * ANSWER_TIMEOUT)
        self.relay.look()
        self.assertEqual(self.silences, 0)
