# -*- test-case-name: ichatgw.test.sim.media.test_tone -*-
"""
Tests of the tone, its coding and its detection.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sim.media.tone import (
    FRAME,
    FROM_ALAW,
    TO_ALAW,
    ToneDetector,
    ToneSource,
    decode,
    decodeALaw,
    decodeSample,
    encode,
    encodeSample,
    measure,
)


class MuLawTests(SynchronousTestCase):
    def test_roundTrip(self) -> None:
        """Each of the 256 codes decodes to a value that is encoded as that code again (0x7F, minus zero, as 0xFF)."""
        for code in range(256):
            self.assertEqual(encodeSample(decodeSample(code)), 0xFF if code == 0x7F else code)

    def test_knownValues(self) -> None:
        """Silence, the extremes and a value between are those of the standard's table."""
        self.assertEqual([encodeSample(n) for n in (0, 32635, -32635, 40000)], [0xFF, 0x80, 0x00, 0x80])
        self.assertEqual([decodeSample(n) for n in (0xFF, 0x80, 0x00, 0xEF)], [0, 32124, -32124, 132])

    def test_error(self) -> None:
        """No sample is off by more than one step of its segment."""
        for sample in range(-32000, 32000, 37):
            self.assertLessEqual(abs(decodeSample(encodeSample(sample)) - sample), 4 + abs(sample) // 16)


class ALawTests(SynchronousTestCase):
    def test_knownValues(self) -> None:
        """The quietest and the loudest values are those of the standard's table."""
        self.assertEqual([decodeALaw(n) for n in (0xD5, 0x55, 0xAA, 0x2A)], [8, -8, 32256, -32256])

    def test_translated(self) -> None:
        """A tone stays a tone both ways, and no sample is off by more than two steps of its segment."""
        payload = ToneSource(440).frame(0)
        there = payload.translate(TO_ALAW)
        self.assertNotEqual(there, payload)
        level, purity = measure(decode(there.translate(FROM_ALAW)), 440)
        self.assertGreater(purity, 0.9)
        for code in range(256):
            sample = decodeSample(code)
            self.assertLessEqual(abs(decodeALaw(TO_ALAW[code]) - sample), 8 + abs(sample) // 16, code)
        self.assertEqual({TO_ALAW[FROM_ALAW[code]] >> 7 for code in range(128, 256)}, {1})


class ToneTests(SynchronousTestCase):
    def hear(self, source: ToneSource, frequency: int, frames: int = 50) -> ToneDetector:
        """A detector that has heard a source."""
        detector = ToneDetector(frequency)
        for number in range(frames):
            detector.hear(source.frame(number))
        return detector

    def test_heard(self) -> None:
        """A tone is heard for as long as it sounds, at its level."""
        detector = self.hear(ToneSource(440, level=-12.0), 440)
        self.assertAlmostEqual(detector.seconds, 1.0)
        self.assertEqual(round(detector.level), -12)
        self.assertEqual(str(detector), f"heard 440 Hz for 1.0 s, level {detector.level:.0f} dB")

    def test_frames(self) -> None:
        """A payload holds 20 ms, and the wave goes on smoothly after a second."""
        source = ToneSource(440)
        self.assertEqual({len(source.frame(number)) for number in range(60)}, {FRAME})
        self.assertEqual(source.frame(0), source.frame(50))

    def test_otherTone(self) -> None:
        """Another tone is not taken for it."""
        detector = self.hear(ToneSource(600), 440)
        self.assertEqual(detector.seconds, 0)
        self.assertAlmostEqual(detector.other, 1.0)

    def test_silence(self) -> None:
        """Silence, faint sound and empty packets are no tone."""
        detector = ToneDetector(440)
        detector.hear(b"")
        detector.hear(encode([0] * FRAME))
        detector.hear(ToneSource(440, level=-60.0).frame(0))
        self.assertEqual((detector.seconds, round(detector.other, 2)), (0.0, 0.04))

    def test_measure(self) -> None:
        """Of two equal tones each has half the energy."""
        one, two = ToneSource(400, level=-20), ToneSource(800, level=-20)
        both = [decodeSample(a) + decodeSample(b) for a, b in zip(one.frame(0), two.frame(0), strict=True)]
        self.assertAlmostEqual(measure(both, 400)[1], 0.5, places=1)
