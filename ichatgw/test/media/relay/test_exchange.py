"""
Tests of L{Relay.another<ichatgw.media.relay.relay.Relay.another>} and
L{exchange<ichatgw.media.relay.relay.Relay.exchange>}: a party takes the place of another.
"""

from __future__ import annotations

from ichatgw.errors import Congested
from ichatgw.media.relay.relay import Relay
from ichatgw.media.relay.side import Side
from ichatgw.model import PCMU, Codec, Direction
from ichatgw.test.support.media.relays import ALICE, BOB, SEEN_BY_ALICE, RelayTestCase, at, receiverReport, rtp

CAROL = ("198.51.100.3", 7000)
DAVE = ("198.51.100.4", 7400)
TO_CAROL = 8004
PCMU_96 = Codec("PCMU", 8000, 96)


class ExchangeTestCase(RelayTestCase):
    """Alice and Bob talk; Carol has been given a side."""

    def setUp(self) -> None:
        super().setUp()
        self.connectBoth()
        self.carol = self.relay.another()
        self.assertEqual(self.carol.local(CAROL[0]).port, TO_CAROL)

    def fromCarol(self, datagram: bytes) -> None:
        self.network.deliver(datagram, CAROL, TO_CAROL)


class AnotherTests(ExchangeTestCase):
    """A side that is none of the two."""

    def test_apart(self) -> None:
        """What comes in at it is heard by nobody, and nothing is sent to its party."""
        self.carol.connect(at(CAROL))
        self.fromCarol(rtp())
        self.fromAlice(rtp())
        self.fromBob(rtp())
        self.pump(3)
        self.network.deliver(receiverReport(0xCC, 0), CAROL, TO_CAROL + 1)
        self.assertEqual(self.heard(CAROL), [])
        self.assertEqual({packet.payload for packet in self.heard(ALICE) if packet.sequence == 1}, {b"p" * 160})
        self.assertNotIn(0xCC, [packet.ssrc for packet in self.heard(ALICE) + self.heard(BOB)])

    def test_drop(self) -> None:
        """Its ports go back, once; those of the two are not dropped."""
        lent = self.engine._pool.lent
        self.relay.drop(self.carol)
        self.relay.drop(self.carol)
        self.relay.drop(self.relay.caller)
        self.assertEqual(self.engine._pool.lent, lent - 1)
        self.assertRaises(Congested, self.carol.local, CAROL[0])

    def test_close(self) -> None:
        """The relay gives back all ports; after that there is no other side."""
        self.relay.close()
        self.assertEqual(self.engine._pool.lent, 0)
        self.assertRaises(Congested, self.relay.another)

    def test_full(self) -> None:
        """If no port is left there is none, and the two go on."""
        full = self.engine._pool
        while full.free:
            try:
                full.take()
            except Congested:
                break
        self.assertRaises(Congested, self.relay.another)
        self.fromAlice(rtp())
        self.assertEqual(len(self.heard(BOB)), 1)


class ExchangeTests(ExchangeTestCase):
    """Carol takes Bob's place."""

    def test_heard(self) -> None:
        """Alice and Carol hear each other; Bob hears nothing, and what he sends is dropped."""
        self.carol.connect(at(CAROL))
        self.relay.exchange(self.relay.callee, self.carol)
        self.assertIs(self.relay.callee, self.carol)
        self.fromBob(rtp())
        self.assertEqual((self.heard(ALICE), self.heard(BOB)), ([], []))
        self.fromCarol(rtp())
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(ALICE)), len(self.heard(CAROL)), self.heard(BOB)), (1, 1, []))

    def test_callerToo(self) -> None:
        """The caller can be replaced as well."""
        self.carol.connect(at(CAROL))
        self.relay.exchange(self.relay.caller, self.carol)
        self.fromCarol(rtp())
        self.fromBob(rtp())
        self.assertEqual((len(self.heard(BOB)), len(self.heard(CAROL)), self.heard(ALICE)), (1, 1, []))

    def test_oneStream(self) -> None:
        """Alice hears one stream: one SSRC, and numbers that go on."""
        for sequence in range(1, 6):
            self.fromBob(rtp(sequence))
        self.carol.connect(at(CAROL))
        self.relay.exchange(self.relay.callee, self.carol)
        self.fromCarol(rtp(40000, ssrc=0xCCCC))
        self.fromCarol(rtp(40001, ssrc=0xCCCC))
        heard = self.heard(ALICE)
        self.assertEqual({packet.ssrc for packet in heard}, {SEEN_BY_ALICE})
        self.assertEqual([packet.sequence for packet in heard], [1, 2, 3, 4, 5, 6, 7])
        self.assertEqual([packet.timestamp // 160 for packet in heard], [1, 2, 3, 4, 5, 6, 7])
        self.assertEqual([packet.marker for packet in heard], [False] * 5 + [True, False])

    def test_beforeSheAnswers(self) -> None:
        """Alice is fed silence while Carol does not talk, and hears Carol as soon as it is known where she is."""
        for sequence in range(1, 4):
            self.fromBob(rtp(sequence))
        self.relay.exchange(self.relay.callee, self.carol)
        self.pump(1.5)
        fed = self.heard(ALICE)
        self.assertGreater(len(fed), 10)
        self.assertEqual([packet.sequence for packet in fed], list(range(1, len(fed) + 1)))
        self.carol.connect(at(CAROL))
        self.fromCarol(rtp(7))
        last = self.heard(ALICE)[-1]
        self.assertEqual((last.payload, last.sequence), (b"p" * 160, len(fed) + 1))
        self.fromAlice(rtp())
        self.assertEqual(len(self.heard(CAROL)), 1)

    def test_fed(self) -> None:
        """Carol is fed when Alice says nothing, by her own number for PCMU."""
        self.carol.connect(at(CAROL, PCMU_96))
        self.relay.exchange(self.relay.callee, self.carol)
        self.pump(1.5)
        self.assertEqual({packet.payloadType for packet in self.heard(CAROL)}, {96})

    def test_numbers(self) -> None:
        """Payload types are those of the two that talk now."""
        self.carol.connect(at(CAROL, PCMU_96), (PCMU_96,))
        self.relay.exchange(self.relay.callee, self.carol)
        self.fromAlice(rtp(payloadType=0))
        self.fromCarol(rtp(payloadType=96))
        self.assertEqual([packet.payloadType for packet in self.heard(CAROL)], [96])
        self.assertEqual([packet.payloadType for packet in self.heard(ALICE)], [0])

    def test_held(self) -> None:
        """Alice, who wants to hear nothing, still does not."""
        self.relay.caller.hold(Direction.SENDONLY)
        self.carol.connect(at(CAROL))
        self.relay.exchange(self.relay.callee, self.carol)
        self.fromCarol(rtp())
        self.pump(2)
        self.assertEqual(self.heard(ALICE), [])
        self.relay.caller.hold(Direction.SENDRECV)
        self.fromCarol(rtp(2))
        self.assertEqual(len(self.heard(ALICE)), 1)

    def test_control(self) -> None:
        """RTCP of Carol reaches Alice, that of Bob does not."""
        self.carol.connect(at(CAROL))
        self.relay.exchange(self.relay.callee, self.carol)
        self.fromCarol(rtp())
        self.network.deliver(receiverReport(0xAAAA, 0), CAROL, TO_CAROL + 1)
        self.network.deliver(receiverReport(0xAAAA, 0), (BOB[0], BOB[1] + 1), 8003)
        self.assertEqual(len(self.network.sentTo((ALICE[0], ALICE[1] + 1))), 1)

    def test_log(self) -> None:
        """The place keeps its name in the log; the packets are those of the whole call."""
        self.fromBob(rtp())
        self.carol.connect(at(CAROL))
        self.relay.exchange(self.relay.callee, self.carol)
        self.fromCarol(rtp())
        self.relay.close()
        (line,) = [event for event in self.events if "media: {" in (event["log_format"] or "")]
        self.assertEqual((line["call"], line["fromCaller"], line["fromCallee"]), ("call-1", 0, 2))

    def test_oldSide(self) -> None:
        """The old side can be dropped, and is not missed."""
        self.carol.connect(at(CAROL))
        bob = self.relay.callee
        self.relay.exchange(bob, self.carol)
        bob.connect(at(BOB))
        self.relay.drop(bob)
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(CAROL)), self.heard(BOB)), (1, []))
        self.relay.close()
        self.assertEqual(self.engine._pool.lent, 0)

    def test_closed(self) -> None:
        """A closed relay stays closed."""
        self.relay.close()
        self.relay.exchange(self.relay.callee, self.carol)
        self.assertRaises(Congested, self.relay.callee.local, BOB[0])


class JoinTests(ExchangeTestCase):
    """Bob has a second call, with Dave; he joins Alice and Dave."""

    def setUp(self) -> None:
        super().setUp()
        self.relay.drop(self.carol)
        other = self.engine.allocate("call-2")
        assert isinstance(other, Relay)
        self.other = other
        self.toBob = other.caller.local(BOB[0]).port
        other.caller.connect(at(BOB))
        self.toDave = other.callee.local(DAVE[0]).port
        other.callee.connect(at(DAVE))
        dave = other.callee
        assert isinstance(dave, Side)
        self.dave = dave
        self.network.deliver(rtp(5, ssrc=0xDDDD), DAVE, self.toDave)

    def test_joined(self) -> None:
        """They hear each other, each at the port where it is."""
        self.relay.exchange(self.relay.callee, self.dave)
        self.fromAlice(rtp())
        self.network.deliver(rtp(6, ssrc=0xDDDD), DAVE, self.toDave)
        self.assertEqual(len(self.heard(DAVE)), 1)
        self.assertEqual([packet.ssrc for packet in self.heard(ALICE)], [SEEN_BY_ALICE])
        self.assertEqual(self.dave.call, "call-1")

    def test_oneStream(self) -> None:
        """Both hear one stream, each the one that it has heard before."""
        for sequence in range(1, 4):
            self.fromBob(rtp(sequence))
            self.network.deliver(rtp(sequence + 30), BOB, self.toBob)
        self.relay.exchange(self.relay.callee, self.dave)
        self.other.close()
        for sequence in range(60, 63):
            self.fromAlice(rtp(sequence, ssrc=0xA11CE))
            self.network.deliver(rtp(sequence + 10, ssrc=0xDDDD), DAVE, self.toDave)
        for place, first in ((ALICE, 1), (DAVE, 31)):
            heard = self.heard(place)
            self.assertEqual(len({packet.ssrc for packet in heard}), 1, place)
            self.assertEqual([packet.sequence for packet in heard], list(range(first, first + 6)), place)

    def test_rest(self) -> None:
        """Who remains on the other relay hears silence only, and does no harm."""
        self.relay.exchange(self.relay.callee, self.dave)
        self.network.sentTo(BOB)
        self.fromAlice(rtp())
        self.network.deliver(rtp(), BOB, self.toBob)
        self.fromBob(rtp())
        self.pump(3)
        self.assertNotIn(b"p" * 160, [packet.payload for packet in self.heard(BOB)])
        self.assertEqual([p.payload for p in self.heard(DAVE) if p.payload == b"p" * 160], [b"p" * 160])
        self.other.close()
        self.fromAlice(rtp())
        self.assertEqual(len(self.heard(DAVE)), 1)
        self.relay.close()
        self.assertEqual((self.engine._pool.lent, self.engine.live), (0, 0))

    def test_callersSide(self) -> None:
        """The one who called can be taken as well."""
        bob = self.other.caller
        self.relay.exchange(self.relay.caller, bob)
        self.fromBob(rtp(3))
        self.network.deliver(rtp(4), BOB, self.toBob)
        self.assertEqual(self.heard(ALICE), [])
        self.assertEqual([packet.payload for packet in self.heard(BOB)].count(b"p" * 160), 3)  # one of them Dave's
        self.other.close()
        self.relay.close()
        self.assertEqual(self.engine._pool.lent, 0)

    def test_spareOfAnother(self) -> None:
        """A side that was none of the two there can be taken as well."""
        spare = self.other.another()
        port = spare.local(CAROL[0]).port
        spare.connect(at(CAROL, PCMU))
        self.relay.exchange(self.relay.callee, spare)
        self.other.close()
        self.network.deliver(rtp(), CAROL, port)
        self.assertEqual(len(self.heard(ALICE)), 1)
