# -*- test-case-name: ichatgw.test.media.rtp.test_dtmf -*-
"""
Tests of keys that are played to a party (RFC 4733).
"""

from __future__ import annotations

from struct import unpack

from attrs import evolve

from ichatgw.media.rtp.dtmf import MAX_WAITING
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.model import PCMU, Codec, Direction, Tone
from ichatgw.test.support.media.relays import BOB, SEEN_BY_BOB, RelayTestCase, at, rtp

SLOW, FAST = Codec("telephone-event", 8000, 101), Codec("telephone-event", 48000, 110)
OPUS = Codec("opus", 48000, 111, 2)


class KeyTests(RelayTestCase):
    """Bob is told of keys while Alice talks."""

    def connectBob(self, *codecs: Codec) -> None:
        self.relay.caller.local("198.51.100.1")
        self.relay.caller.connect(at(("198.51.100.1", 4000)))
        self.relay.callee.local(BOB[0])
        self.relay.callee.connect(evolve(at(BOB), codecs=codecs))

    def talk(self, packets: int, first: int = 100) -> list[RTPPacket]:
        """Alice talks; what Bob hears."""
        for sequence in range(first, first + packets):
            self.fromAlice(rtp(sequence))
            self.clock.advance(0.02)
        return self.heard(BOB)

    def told(self, packets: list[RTPPacket], payloadType: int = 101) -> list[tuple[int, bool, int]]:
        """What is told of keys: their numbers, whether it is the end, and the durations."""
        found = []
        for packet in packets:
            if packet.payloadType == payloadType:
                event, flags, duration = unpack("!BBH", packet.payload)
                found.append((event, bool(flags & 0x80), duration))
        return found

    def test_key(self) -> None:
        """A packet every 20 ms, with growing durations, and the end three times; all have one timestamp."""
        self.connectBob(PCMU, SLOW)
        self.talk(3)
        self.assertTrue(self.relay.callee.press(Tone("#", 100)))
        packets = self.talk(15, 103)
        self.assertEqual(
            self.told(packets),
            [(11, False, duration) for duration in (160, 320, 480, 640)] + [(11, True, 800)] * 3,
        )
        keys = [packet for packet in packets if packet.payloadType == 101]
        self.assertEqual({packet.timestamp for packet in keys}, {103 * 160})
        self.assertEqual([packet.marker for packet in keys], [True] + [False] * 6)
        self.assertEqual({packet.ssrc for packet in packets}, {SEEN_BY_BOB})

    def test_oneStream(self) -> None:
        """Sequence numbers count on over audio and keys, and the audio keeps its clock."""
        self.connectBob(PCMU, SLOW)
        packets = self.talk(3)
        self.relay.callee.press(Tone("1", 100))
        packets += self.talk(20, 103)
        first = packets[0].sequence
        self.assertEqual([packet.sequence for packet in packets], list(range(first, first + 30)))
        audio = [packet.timestamp for packet in packets if packet.payloadType == 0]
        self.assertEqual(audio, [number * 160 for number in range(100, 123)])

    def test_several(self) -> None:
        """Keys are played one after the other, with a gap that tells them apart."""
        self.connectBob(PCMU, SLOW)
        self.talk(3)
        for key in "12":
            self.relay.callee.press(Tone(key, 40))
        packets = self.talk(30, 103)
        self.assertEqual([event for event, _, _ in self.told(packets)], [1] * 4 + [2] * 4)
        begins = [packet.timestamp for packet in packets if packet.payloadType == 101 and packet.marker]
        self.assertEqual(len(begins), 2)
        self.assertGreaterEqual(begins[1] - begins[0], 6 * 160)

    def test_silentSource(self) -> None:
        """Keys are told though the other party sends nothing, and silence goes on after them."""
        self.connectBob(PCMU, SLOW)
        self.relay.callee.press(Tone("5", 60))
        self.pump(2)
        packets = self.heard(BOB)
        self.assertEqual(self.told(packets), [(5, False, 160), (5, False, 320)] + [(5, True, 480)] * 3)
        self.assertEqual({packet.payloadType for packet in packets}, {0, 101})
        first = packets[0].sequence
        self.assertEqual([packet.sequence for packet in packets], [(first + at) & 0xFFFF for at in range(len(packets))])

    def test_clock(self) -> None:
        """Durations are by the clock of what the party hears, if it has events by that."""
        self.connectBob(OPUS, SLOW, FAST)
        self.relay.callee.press(Tone("5", 40))
        self.pump(0.3)
        self.assertEqual(self.told(self.heard(BOB), 110), [(5, False, 960)] + [(5, True, 1920)] * 3)

    def test_long(self) -> None:
        """A key is not longer than can be said."""
        self.connectBob(OPUS, FAST)
        self.relay.callee.press(Tone("5", 60_000))
        self.pump(5)
        events = self.told(self.heard(BOB), 110)
        self.assertEqual(events[-1], (5, True, 68 * 960))
        self.assertEqual(len(events), 70)

    def test_notTaken(self) -> None:
        """A party that has named no events, or is sent nothing, cannot be told so."""
        self.assertFalse(self.relay.callee.press(Tone("1")))
        self.connectBob(PCMU)
        self.assertFalse(self.relay.callee.press(Tone("1")))
        self.relay.callee.connect(evolve(at(BOB), codecs=(PCMU, SLOW)))
        self.relay.callee.hold(Direction.SENDONLY)
        self.assertFalse(self.relay.callee.press(Tone("1")))
        self.relay.close()
        self.assertFalse(self.relay.callee.press(Tone("1")))

    def test_bounded(self) -> None:
        """Not all keys of a flood are kept."""
        self.connectBob(PCMU, SLOW)
        taken = [self.relay.callee.press(Tone("1")) for _ in range(100)]
        self.assertEqual(sum(taken), MAX_WAITING + 1)

    def test_hold(self) -> None:
        """Who is put on hold while keys are told is told no more of them, not even later."""
        self.connectBob(PCMU, SLOW)
        for key in "123":
            self.relay.callee.press(Tone(key, 100))
        self.pump(0.1)
        self.relay.callee.hold(Direction.SENDONLY)
        self.pump(0.1)
        self.heard(BOB)
        self.relay.callee.hold(Direction.SENDRECV)
        self.pump(2)
        self.assertEqual(self.told(self.heard(BOB)), [])

    def test_close(self) -> None:
        """Nothing is left of a relay that is closed while keys are told."""
        self.connectBob(PCMU, SLOW)
        self.relay.callee.press(Tone("1", 1000))
        self.pump(0.1)
        self.relay.close()
        self.engine.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
