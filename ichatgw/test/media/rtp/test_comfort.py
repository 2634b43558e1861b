"""
Tests for L{ichatgw.media.relay.flow}: one stream for each party, whatever happens behind it.
"""

from __future__ import annotations

import errno

from attrs import evolve

from ichatgw.media.relay.flow import swapped
from ichatgw.media.rtp.comfort import formatOf, preferred
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.model import PCMU, Codec, Direction
from ichatgw.test.support.media.relays import ALICE, BOB, SEEN_BY_ALICE, SEEN_BY_BOB, TO_BOB, RelayTestCase, at, rtp

SILENCE = b"\xff" * 160


class SilenceTests(RelayTestCase):
    """A party that hears nothing is sent silence."""

    def setUp(self) -> None:
        super().setUp()
        self.connectBoth()

    def talk(self, packets: int, first: int = 100) -> None:
        """Both parties talk for some time."""
        for sequence in range(first, first + packets):
            self.fromAlice(rtp(sequence, 0xAAAA))
            self.fromBob(rtp(sequence, 0xBBBB))
            self.clock.advance(0.02)

    def test_primed(self) -> None:
        """A party is fed as soon as it is known where it is, though nobody ever sent anything."""
        self.pump(0.4)
        self.assertGreater(len(self.heard(ALICE)), 4)
        self.assertGreater(len(self.heard(BOB)), 4)

    def test_primingLasts(self) -> None:
        """Priming goes on for as long as nobody sends anything."""
        self.pump(15)
        self.heard(BOB)
        self.pump(1)
        self.assertApproximates(len(self.heard(BOB)), 50, 1)

    def test_notWhileTalking(self) -> None:
        """A party that hears the other is not fed."""
        self.talk(100)
        self.assertEqual([p for p in self.heard(ALICE) + self.heard(BOB) if p.payload == SILENCE], [])

    def test_afterOneSecond(self) -> None:
        """Silence starts one second after the last packet."""
        self.talk(10)
        self.heard(BOB)
        self.pump(0.92)
        self.assertEqual(self.heard(BOB), [])
        self.pump(0.2)
        self.assertNotEqual(self.heard(BOB), [])

    def test_amidAKey(self) -> None:
        """A key whose packets pause stays one key: silence starts later, and they keep their timestamp."""
        keys = Codec("telephone-event", 8000, 101)
        self.relay.caller.connect(at(ALICE, PCMU, keys))
        self.relay.callee.connect(at(BOB, PCMU, keys))
        self.talk(10)
        self.heard(BOB)
        for pause, sequence in ((1.5, 110), (4.5, 111), (0.02, 112)):
            self.fromAlice(RTPPacket(101, sequence, 110 * 160, 0xAAAA, b"\x05\x0a\x00\xa0").pack())
            self.pump(pause)
        packets = self.heard(BOB)
        self.assertEqual([(p.payloadType, p.timestamp) for p in packets], [(101, packets[0].timestamp)] * 3)
        self.pump(6)
        self.assertIn(SILENCE, [packet.payload for packet in self.heard(BOB)])

    def test_rate(self) -> None:
        """Silence is 50 packets of 20 ms a second, counted on, with the SSRC that the party knows."""
        self.talk(10)
        self.pump(2)
        self.heard(BOB)
        self.pump(1)
        packets = self.heard(BOB)
        self.assertApproximates(len(packets), 50, 1)
        first = packets[0]
        for number, packet in enumerate(packets):
            self.assertEqual(
                packet,
                RTPPacket(0, first.sequence + number, first.timestamp + number * 160, SEEN_BY_BOB, SILENCE),
            )

    def test_oneDirection(self) -> None:
        """Each direction is fed for itself."""
        self.talk(5)
        self.heard(ALICE)
        for sequence in range(105, 205):
            self.fromAlice(rtp(sequence))
            self.clock.advance(0.02)
        self.assertNotIn(SILENCE, [packet.payload for packet in self.heard(BOB)])
        self.assertIn(SILENCE, [packet.payload for packet in self.heard(ALICE)])

    def test_continuous(self) -> None:
        """Sequence numbers have no gap and timestamps never go back, through silence and after it."""
        self.talk(10)
        self.pump(3)
        self.talk(10, first=100 + 10)
        self.pump(2)
        self.talk(10, first=120)
        packets = self.heard(BOB)
        self.assertEqual({packet.ssrc for packet in packets}, {SEEN_BY_BOB})
        self.assertEqual([packet.sequence for packet in packets], list(range(100, 100 + len(packets))))
        steps = [after.timestamp - before.timestamp for before, after in zip(packets, packets[1:], strict=False)]
        self.assertEqual(sorted(set(steps))[0], 160)
        self.assertEqual(len([step for step in steps if step != 160]), 2)
        self.assertApproximates(max(steps), 8000 + 160, 801)

    def test_marker(self) -> None:
        """The first packet after silence is marked, so that a jitter buffer starts afresh."""
        self.talk(5)
        self.pump(2)
        self.heard(BOB)
        self.talk(3, first=200)
        self.assertEqual([packet.marker for packet in self.heard(BOB)], [True, False, False])

    def test_noMarkerThatMakesRTCP(self) -> None:
        """A payload type that RTCP would be made of is not marked."""
        odd = Codec("odd", 8000, 72)
        self.relay.caller.connect(at(ALICE, PCMU, odd))
        self.relay.callee.connect(at(BOB, PCMU, odd))
        self.talk(5)
        self.pump(2)
        self.heard(BOB)
        self.fromAlice(rtp(200, payloadType=72))
        self.assertEqual([(p.payloadType, p.marker) for p in self.heard(BOB)], [(72, False)])

    def test_stopsAtOnce(self) -> None:
        """No silence is sent after the first packet."""
        self.talk(5)
        self.pump(2)
        self.heard(BOB)
        self.fromAlice(rtp(200))
        self.pump(0.5)
        self.assertEqual(len(self.heard(BOB)), 1)

    def test_timerOnlyWhenNeeded(self) -> None:
        """While both parties hear each other, only the slow timer runs."""
        self.pump(1)
        self.assertEqual(len(self.clock.getDelayedCalls()), 2)
        self.talk(5)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_lateTimer(self) -> None:
        """If the timer was late, timestamps keep up with time."""
        self.pump(1)
        self.heard(BOB)
        self.clock.advance(0.1)
        self.pump(0.02)
        first, second = self.heard(BOB)[:2]
        self.assertEqual(second.sequence - first.sequence, 1)
        self.assertEqual(second.timestamp - first.timestamp, 160)
        self.clock.advance(0.2)
        self.clock.advance(0.02)
        third = self.heard(BOB)[-2]
        self.assertEqual(third.timestamp - second.timestamp, 160 * 10)

    def test_partysNumber(self) -> None:
        """Silence has the party's own number for mu-law."""
        self.relay.callee.connect(at(BOB, Codec("speex", 8000, 97), evolve(PCMU, payloadType=98)))
        self.pump(1)
        self.assertEqual({packet.payloadType for packet in self.heard(BOB)}, {98})

    def test_noMuLaw(self) -> None:
        """A party that has no mu-law gets none; one that forgets it, no more."""
        self.relay.callee.connect(at(BOB, Codec("speex", 8000, 97)))
        self.pump(1)
        self.assertEqual(self.heard(BOB), [])
        self.relay.callee.connect(at(BOB))
        self.pump(1)
        self.assertNotEqual(self.heard(BOB), [])
        self.relay.callee.connect(at(BOB, Codec("speex", 8000, 97)))
        self.pump(1)
        self.assertEqual(self.heard(BOB), [])

    def test_formats(self) -> None:
        """Silence in each format has the number, the clock and the frame of it."""
        for codec, frame, payload in (
            (Codec("opus", 48000, 111, 2), 960, b"\xf8\xff\xfe"),
            (Codec("PCMA", 8000, 8), 160, b"\xd5" * 160),
            (Codec("G722", 8000, 9), 160, b"\xff" * 160),
            (Codec("PCMU", 16000, 96), 320, b"\xff" * 320),
            (Codec("GSM", 8000, 3), 160, formatOf(Codec("GSM", 8000, 3)).silence),
            (Codec("CN", 8000, 13), 160, b"\x7f"),
        ):
            self.relay.callee.connect(at(BOB, Codec("speex", 8000, 97), codec))
            self.heard(BOB)
            self.pump(0.5)
            packets = self.heard(BOB)[-5:]
            self.assertEqual({(p.payloadType, p.payload) for p in packets}, {(codec.payloadType, payload)})
            self.assertEqual(packets[1].timestamp - packets[0].timestamp, frame)

    def test_first(self) -> None:
        """The first format of which silence can be made is taken; comfort noise only if there is no other."""
        opus, noise = Codec("opus", 48000, 111, 2), Codec("CN", 8000, 13)
        for codecs, expected in (((opus, PCMU), 111), ((noise, PCMU), 0), ((PCMU, opus), 0)):
            found = preferred([formatOf(codec) for codec in codecs])
            assert found is not None
            self.assertEqual(found.payloadType, expected)
        self.assertIsNone(preferred([formatOf(Codec("PCMU", 48000, 96, 2))]))

    def test_asBefore(self) -> None:
        """A stream goes on in the format that was heard, with its clock, whatever comes first."""
        opus = Codec("opus", 48000, 111, 2)
        self.relay.caller.connect(at(ALICE, PCMU, opus))
        self.relay.callee.connect(at(BOB, PCMU, opus))
        for sequence in range(5):
            self.fromAlice(RTPPacket(111, sequence, sequence * 960, 7, b"opus").pack())
            self.clock.advance(0.02)
        self.heard(BOB)
        self.pump(2)
        packets = self.heard(BOB)
        self.assertEqual({packet.payloadType for packet in packets}, {111})
        self.assertApproximates(packets[0].timestamp - 4 * 960, 48000, 5000)
        self.fromAlice(RTPPacket(111, 9, 77777, 7, b"opus").pack())
        self.assertEqual(self.heard(BOB)[0].timestamp - packets[-1].timestamp, 960)

    def test_held(self) -> None:
        """A party that does not listen is not fed; the other one, which hears nothing then, is."""
        self.talk(5)
        self.relay.callee.hold(Direction.INACTIVE)
        self.heard(ALICE)
        self.heard(BOB)
        self.pump(2)
        self.assertEqual(self.heard(BOB), [])
        self.assertEqual({packet.ssrc for packet in self.heard(ALICE)}, {SEEN_BY_ALICE})
        self.relay.callee.hold(Direction.SENDRECV)
        self.pump(2)
        self.relay.callee.hold(Direction.SENDONLY)
        self.assertNotEqual(self.heard(BOB), [])
        self.pump(2)
        self.assertEqual(self.heard(BOB), [])

    def test_unsendable(self) -> None:
        """Silence that cannot be sent does not stop the silence."""
        self.network.at(TO_BOB).sendError = OSError(errno.ENETUNREACH, "no")
        self.pump(1)
        self.network.at(TO_BOB).sendError = None
        self.pump(1)
        self.assertGreater(len(self.heard(BOB)), 48)


class SourceTests(RelayTestCase):
    """A party sees one stream, even if the other starts several."""

    def test_newSource(self) -> None:
        """When the source changes its SSRC, ours stays, and the numbers go on."""
        self.connectBoth()
        for sequence, ssrc in ((65534, 1), (65535, 1), (7000, 2), (7001, 2), (7003, 2), (65535, 1)):
            self.fromAlice(rtp(sequence, ssrc))
        packets = self.heard(BOB)
        self.assertEqual([packet.sequence for packet in packets], [65534, 65535, 0, 1, 3, 4])
        start = 65534 * 160
        self.assertEqual([packet.timestamp - start for packet in packets], [0, 160, 320, 480, 800, 960])
        self.assertEqual({packet.ssrc for packet in packets}, {SEEN_BY_BOB})

    def test_short(self) -> None:
        """Packets of 10 ms pass as those of 20 ms do, and silence joins on to them."""
        self.connectBoth()
        for sequence in range(10):
            self.fromAlice(RTPPacket(0, sequence, sequence * 80, 7, b"p" * 80).pack())
            self.clock.advance(0.01)
        packets = self.heard(BOB)
        self.assertEqual([packet.timestamp for packet in packets], [number * 80 for number in range(10)])
        self.pump(2)
        silence = self.heard(BOB)
        self.assertEqual(silence[0].sequence, 10)
        self.assertEqual(len(silence[0].payload), 160)
        self.fromAlice(RTPPacket(0, 10, 99999, 7, b"p" * 80).pack())
        self.assertEqual(self.heard(BOB)[0].timestamp, silence[-1].timestamp + 160)

    def test_untouched(self) -> None:
        """The numbers of the first source are kept as they are, loss and reordering too."""
        self.connectBoth()
        for sequence in (65535, 1, 0, 5):
            self.fromAlice(rtp(sequence))
        self.assertEqual([packet.sequence for packet in self.heard(BOB)], [65535, 1, 0, 5])

    def test_swapped(self) -> None:
        """Swapping twice changes nothing, and once what the machine's order demands."""
        self.assertEqual(swapped(swapped(0x01020304)), 0x01020304)
        self.assertIn(swapped(0x01020304), (0x01020304, 0x04030201))
