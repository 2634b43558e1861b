# -*- test-case-name: ichatgw.test.gateway.matrix.test_interop_ear -*-
"""
Tests of what C{make interop} hears.
"""

from __future__ import annotations

import wave
from array import array
from math import pi, sin
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.interop.tonedetector import RATE, ToneDetector


def tone(frequency: float, seconds: float, height: int = 9000) -> bytes:
    """A sine at the ear's rate."""
    return array(
        "h", (int(height * sin(2 * pi * frequency * at / RATE)) for at in range(int(seconds * RATE)))
    ).tobytes()


class EarTests(SynchronousTestCase):
    """What it takes for what."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ear = ToneDetector(self.clock.seconds, 440)

    def test_tone(self) -> None:
        """The tone counts, and when it was heard first and last."""
        self.clock.advance(3)
        self.ear.feed(tone(440, 0.5))
        self.clock.advance(2)
        self.ear.feed(tone(440, 0.5))
        self.assertAlmostEqual(self.ear.heard, 1.0)
        self.assertEqual((self.ear.first, self.ear.last), (3, 5))

    def test_otherSounds(self) -> None:
        """Silence, another tone and half a second of each are told apart."""
        self.ear.feed(tone(440, 1, height=0))
        self.ear.feed(tone(700, 0.5))
        self.assertAlmostEqual(self.ear.silent, 1.0)
        self.assertAlmostEqual(self.ear.other, 0.5)
        self.assertEqual(self.ear.heard, 0)
        self.assertIsNone(self.ear.first)
        self.assertIn("440 Hz for 0.0 s, silence for 1.0 s", str(self.ear))

    def test_pieces(self) -> None:
        """It does not matter in which pieces the samples come."""
        samples = tone(440, 1)
        for start in range(0, len(samples), 94):
            self.ear.feed(samples[start : start + 94])
        self.assertAlmostEqual(self.ear.heard, 1.0)

    def test_recording(self) -> None:
        """All of it is saved."""
        self.ear.feed(tone(440, 0.25))
        path = Path(self.mktemp())
        self.ear.save(path)
        with wave.open(str(path)) as recording:
            self.assertEqual((recording.getframerate(), recording.getnframes()), (RATE, RATE // 4))
