# -*- test-case-name: ichatgw.test.media.rtp.test_payloadtypes -*-
"""
Tests for L{ichatgw.media.rtp.payloadtypes}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.rtp.payloadtypes import DROPPED, LONGEST, REWRITTEN, Events, Mapping, Told, mappingOf
from ichatgw.media.rtp.rtp import HEADER, RTPPacket
from ichatgw.model import PCMU, Codec, SessionDescription, Tone

SLOW, FAST = Codec("telephone-event", 8000, 101), Codec("telephone-event", 48000, 110)
OPUS = Codec("opus", 48000, 111, 2)


class MappingTests(SynchronousTestCase):
    """Tables of payload types."""

    def of(self, sent: tuple[Codec, ...], *receiver: Codec) -> Mapping:
        made = mappingOf(sent, SessionDescription(receiver))
        assert made is not None
        return made

    def test_table(self) -> None:
        """Formats get the receiver's numbers, with and without a marker; all others are dropped."""
        table = self.of((PCMU, SLOW, OPUS), evolve(SLOW, payloadType=96), PCMU).table
        self.assertEqual((table[0], table[128], table[101], table[229]), (0, 128, 96, 224))
        self.assertEqual(table.count(DROPPED), 252)

    def test_unsaid(self) -> None:
        """A party that has named no format gets all, and may send all."""
        self.assertIsNone(mappingOf((), SessionDescription((PCMU,))))
        self.assertIsNone(mappingOf((PCMU,), SessionDescription(())))

    def test_likeRTCP(self) -> None:
        """A number that would make RTCP with a marker never has one."""
        table = self.of((PCMU,), evolve(PCMU, payloadType=72)).table
        self.assertEqual((table[0], table[128]), (72, 72))

    def test_parameters(self) -> None:
        """What comes in one layout never goes out as another one, whatever the order at the receiver."""
        aligned, efficient = Codec("AMR", 8000, 104, 1, "octet-align=1"), Codec("AMR", 8000, 110)
        theirs = evolve(efficient, payloadType=96), evolve(aligned, payloadType=97)
        table = self.of((aligned, efficient), *theirs).table
        self.assertEqual((table[104], table[110]), (97, 96))
        table = self.of((aligned, efficient), theirs[0]).table
        self.assertEqual((table[104], table[110]), (DROPPED, 96))
        short, long = Codec("iLBC", 8000, 97, 1, "mode=20"), Codec("iLBC", 8000, 98, 1, "mode=30")
        table = self.of((short, long), evolve(long, payloadType=100), evolve(short, payloadType=101)).table
        self.assertEqual((table[97], table[98]), (101, 100))

    def test_events(self) -> None:
        """Events by another clock are rewritten, to the receiver's best; by the same clock they pass."""
        made = self.of((OPUS, FAST, SLOW), OPUS, SLOW)
        self.assertEqual((made.table[110], made.table[238], made.table[101]), (REWRITTEN, REWRITTEN, 101))
        self.assertEqual(list(made.rewriters), [110])
        both = self.of((evolve(SLOW, clockRate=16000),), OPUS, SLOW, FAST)
        rewriter = both.rewriters[101]
        assert isinstance(rewriter, Events)
        self.assertEqual(rewriter.payloadType, 110)
        self.assertEqual(self.of((OPUS, FAST), OPUS).table[110], DROPPED)


class EventsTests(SynchronousTestCase):
    """Durations."""

    def rewrite(self, events: Events, timestamp: int, payload: bytes, marker: bool = False) -> tuple[int, str]:
        packet = bytearray(RTPPacket(110, 1, timestamp, 7, payload, marker).pack())
        self.assertTrue(events.rewrite(packet, len(packet)))
        out = RTPPacket.parse(bytes(packet))
        self.assertEqual((out.payloadType, out.marker, out.sequence), (events.payloadType, marker, 1))
        return out.timestamp, out.payload.hex()

    def press(self, events: Events, *durations: tuple[int, int]) -> list[tuple[int, int]]:
        """Timestamps and durations, in and out."""
        out = []
        for timestamp, duration in durations:
            stamp, payload = self.rewrite(events, timestamp, b"\x01\x0a" + duration.to_bytes(2, "big"))
            out.append((stamp, int(payload[4:], 16)))
        return out

    def test_both(self) -> None:
        """Between 8000 and 48000 Hz it is six times as much or as little, rounded up; the timestamp stays."""
        up, down = Events.between(SLOW, FAST), Events.between(FAST, SLOW)
        self.assertEqual(self.press(up, (500, 160), (500, 320)), [(500, 960), (500, 1920)])
        self.assertEqual(self.press(down, (500, 960), (500, 961), (500, 0)), [(500, 160), (500, 161), (500, 0)])
        self.assertEqual(self.press(Events.between(evolve(SLOW, clockRate=44100), SLOW), (1, 441)), [(1, 80)])

    def test_long(self) -> None:
        """What is too long for one duration goes on in the next piece (RFC 4733 section 2.5.1.3)."""
        up = Events.between(SLOW, FAST)
        self.assertEqual(
            self.press(up, (500, 10922), (500, 10923), (500, 24000)),
            [(500, 65532), (500 + LONGEST, 3), (500 + 2 * LONGEST, 24000 * 6 - 2 * LONGEST)],
        )

    def test_pieces(self) -> None:
        """Pieces of a long event become one event again; a new one begins anew."""
        down = Events.between(FAST, SLOW)
        second = (500 + LONGEST) & 0xFFFFFFFF
        self.assertEqual(
            self.press(down, (500, 60000), (500, LONGEST), (second, 960), (second, 1920), (second + 9600, 960)),
            [(500, 10000), (500, 10923), (500, 11083), (500, 11243), (second + 9600, 160)],
        )

    def test_odd(self) -> None:
        """Header extensions, contributing sources and several events in a packet are no trouble; too short is none."""
        up = Events.between(SLOW, FAST)
        head = HEADER.pack(0x92, 101, 1, 500, 7) + bytes(8) + b"\xbe\xde\0\1" + bytes(4)
        packet = bytearray(head + b"\x01\x0a\x00\xa0" + b"\x02\x0a\x00\x0a")
        self.assertTrue(up.rewrite(packet, len(packet)))
        self.assertEqual(packet[len(head) :].hex(), "010a03c0" + "020a003c")
        for size in range(12, len(head) + 4):
            self.assertFalse(up.rewrite(bytearray(packet[:size]), size))


class ToldTests(SynchronousTestCase):
    """Events of which the receiver is told in another way."""

    def setUp(self) -> None:
        self.tones: list[Tone] = []
        self.told = Told(48000, self.tones.append)

    def event(self, code: int, duration: int, timestamp: int = 1000, isEnd: bool = False) -> None:
        payload = bytes([code, 0x80 if isEnd else 0]) + duration.to_bytes(2, "big")
        packet = bytearray(RTPPacket(110, 1, timestamp, 7, payload).pack())
        self.assertFalse(self.told.rewrite(packet, len(packet)), "it goes no further")

    def test_once(self) -> None:
        """A key is told once, when it ends, with its duration."""
        for duration in (960, 1920, 4800):
            self.event(11, duration)
        self.assertEqual(self.tones, [])
        for _ in range(3):
            self.event(11, 9600, isEnd=True)
        self.assertEqual(self.tones, [Tone("#", 200)])

    def test_lostEnd(self) -> None:
        """If its end is lost, it is told when the next one begins; the same key again is another one."""
        self.event(1, 9600)
        self.event(1, 960, 20000)
        self.assertEqual(self.tones, [Tone("1", 200)])
        self.event(1, 4800, 20000, isEnd=True)
        self.assertEqual(self.tones[1:], [Tone("1", 100)])

    def test_long(self) -> None:
        """One that is longer than its sender can say at once is one."""
        self.event(5, LONGEST)
        self.event(5, 48000 - (LONGEST - 48000), 1000 + LONGEST, isEnd=True)
        self.assertEqual(self.tones, [Tone("5", 2000)])

    def test_limits(self) -> None:
        """What is no key is not told; none is shorter than can be heard; a packet cut short is nothing."""
        self.event(16, 960, isEnd=True)
        self.event(0, 1, 5000, isEnd=True)
        self.assertEqual(self.tones, [Tone("0", 40)])
        self.assertFalse(self.told.rewrite(bytearray(RTPPacket(110, 1, 0, 7, b"\1").pack()), 13))

    def test_mapped(self) -> None:
        """So it is with receivers that have no events, if somebody wants to hear of them."""
        for receiver, heard, expected in (
            ((OPUS,), self.tones.append, Told),
            ((OPUS, SLOW), self.tones.append, Events),
            ((OPUS,), None, None),
        ):
            made = mappingOf((OPUS, FAST), SessionDescription(receiver), heard)
            assert made is not None
            self.assertEqual(type(made.rewriters.get(110)), expected or type(None))
            self.assertEqual(made.table[110], DROPPED if expected is None else REWRITTEN)
