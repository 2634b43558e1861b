# -*- test-case-name: ichatgw.test.sim.media.test_media -*-
"""
Tests of the simulators' voice and ear.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.sim.media.media import PCMA, Media
from ichatgw.sim.media.rtp import Packet, checkControl, senderReport
from ichatgw.sim.media.tone import ToneDetector, ToneSource

REMOTE = TransportAddress("192.0.2.1", 8000)
CONTROL = TransportAddress("192.0.2.1", 8001)


class MediaTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.sent: list[tuple[bytes, TransportAddress]] = []
        self.control: list[tuple[bytes, TransportAddress]] = []
        self.media = Media(
            self.clock,
            lambda data, target: self.sent.append((data, target)),
            lambda data, target: self.control.append((data, target)),
            ToneSource(440),
            ToneDetector(600),
        )

    def run_(self, seconds: float) -> None:
        """Let time pass in steps of 10 ms."""
        for _ in range(round(seconds * 100)):
            self.clock.advance(0.01)

    def test_voice(self) -> None:
        """A packet goes out every 20 ms, numbers and times without a gap, a mark on the first."""
        self.media.start(REMOTE, CONTROL)
        self.run_(1.005)
        packets = [Packet.parse(data) for data, target in self.sent if target == REMOTE]
        self.assertEqual(len(packets), 50)
        self.assertEqual([packet.marker for packet in packets], [True] + [False] * 49)
        for one, two in zip(packets, packets[1:], strict=False):
            self.assertEqual((two.sequence - one.sequence) & 0xFFFF, 1)
            self.assertEqual((two.timestamp - one.timestamp) & 0xFFFFFFFF, 160)
            self.assertEqual(one.ssrc, self.media.ssrc)
        self.media.stop()
        self.run_(1)
        self.assertEqual((len(self.sent), self.clock.getDelayedCalls()), (50, []))

    def test_aLaw(self) -> None:
        """Who speaks PCMA is heard by who does, and by nobody else."""
        self.media.spoken = (PCMA,)
        self.media.start(REMOTE, CONTROL)
        self.run_(1.005)
        for spoken, heard, faults in (((PCMA,), 1.0, 0), ((0, PCMA), 1.0, 0), ((0,), 0.0, 50)):
            ear = Media(self.clock, self.media.send, self.media.send, None, ToneDetector(440), spoken=spoken)
            for data, _ in self.sent:
                ear.datagramReceived(data)
            assert ear.detector is not None
            self.assertAlmostEqual(ear.detector.seconds, heard)
            self.assertEqual(len(ear.faults), faults)

    def test_reports(self) -> None:
        """A sound report goes to the control address every 5 s."""
        self.media.start(REMOTE, CONTROL)
        self.run_(10.1)
        self.assertEqual([checkControl(data) for data, target in self.control if target == CONTROL], [[200, 202]] * 2)

    def test_keys(self) -> None:
        """
        A key is a series of packets with one timestamp, of growing duration, whose end is told three times; the tone
        goes on behind it where it would have been without.
        """
        self.media.eventType = 101
        self.media.start(REMOTE, CONTROL)
        self.media.press("#1")
        self.run_(1.005)
        packets = [Packet.parse(data) for data, _ in self.sent]
        events = [each for each in packets if each.payloadType == 101]
        self.assertEqual(len(events), 16)
        first = events[:8]
        self.assertEqual({each.timestamp for each in first}, {packets[0].timestamp})
        self.assertEqual([each.payload for each in first[:2]], [b"\x0b\x0a\x00\xa0", b"\x0b\x0a\x01\x40"])
        self.assertEqual([each.payload for each in first[5:]], [b"\x0b\x8a\x03\x20"] * 3)
        self.assertEqual([each.marker for each in first], [True] + [False] * 7)
        self.assertEqual(events[8].timestamp, first[0].timestamp + 10 * 160)
        self.assertEqual(packets[16].timestamp, first[0].timestamp + 20 * 160)
        ear = Media(self.clock, self.media.send, self.media.send, heardEventType=101)
        for data, _ in self.sent:
            ear.datagramReceived(data)
        self.assertEqual((ear.keys, ear.faults), ("#1", []))

    def test_noSuchKey(self) -> None:
        """What is no key cannot be pressed or heard, nor anything by who sends no keys."""
        self.assertRaises(ValueError, self.media.press, "1")
        self.media.eventType = self.media.heardEventType = 101
        self.assertRaises(ValueError, self.media.press, "x")
        for number, payload in enumerate((b"\x10\x0a\x00\xa0", b"\x01")):
            self.media.datagramReceived(Packet(101, number, number, 1, payload).pack())
        self.assertEqual((self.media.keys, self.media.faults), ("", ["no event of a key"] * 2))

    def test_primed(self) -> None:
        """When told to, it waits until something came."""
        self.media.primed = True
        self.media.start(REMOTE, CONTROL)
        self.run_(1)
        self.assertEqual(self.sent, [])
        self.media.datagramReceived(Packet(0, 0, 0, 1).pack())
        self.run_(0.1)
        self.assertEqual(len(self.sent), 5)

    def test_ear(self) -> None:
        """What came is counted: tone, empty packets, reports, senders, and what was wrong."""
        tone = ToneSource(600)
        for number in range(50):
            self.media.datagramReceived(Packet(0, number, 160 * number, 7, tone.frame(number)).pack())
        self.media.datagramReceived(Packet(0, 0, 0, 8).pack())
        self.media.datagramReceived(Packet(8, 0, 0, 8, b"x").pack())
        self.media.datagramReceived(senderReport(1, 0.0, 0, 0, 0, "x"))
        self.media.datagramReceived(senderReport(1, 0.0, 0, 0, 0, "x")[:-1])
        self.media.datagramReceived(b"\x80")
        assert self.media.detector is not None
        self.assertAlmostEqual(self.media.detector.seconds, 1.0)
        self.assertEqual((self.media.received, self.media.empty, self.media.reports), (52, 1, 1))
        self.assertEqual((self.media.senders, len(self.media.faults)), ([7, 8], 3))

    def test_alsoTaken(self) -> None:
        """A format that the owner said it takes is no fault, though nothing is heard of it."""
        self.media.alsoTaken = (PCMA,)
        self.media.datagramReceived(Packet(PCMA, 0, 0, 7, b"x").pack())
        self.media.datagramReceived(Packet(9, 1, 0, 7, b"x").pack())
        self.assertEqual((self.media.received, self.media.faults), (2, ["payload type 9"]))

    def test_silence(self) -> None:
        """After ten seconds of nothing, it says so, once."""
        silences: list[float] = []
        self.media.silent = lambda: silences.append(self.clock.seconds())
        self.media.start(REMOTE, CONTROL)
        self.run_(9)
        self.media.datagramReceived(Packet(0, 0, 0, 1).pack())
        self.run_(9.9)
        self.assertEqual(silences, [])
        self.run_(10)
        self.assertEqual(len(silences), 1)
        self.assertEqual(round(silences[0]), 19)
