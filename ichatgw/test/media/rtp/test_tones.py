"""
Tests for L{ichatgw.media.rtp.tones}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.rtp.tones import RATE, tone
from ichatgw.sim.media.tone import ToneDetector


class ToneTests(SynchronousTestCase):
    def test_heard(self) -> None:
        """A tone is heard as that of its frequency and level, and as no other; so is its seam."""
        for hertz, level in ((440, -15.0), (1000, -30.0)):
            made = tone(hertz, level)
            self.assertEqual(len(made), RATE)
            detector, other = ToneDetector(hertz), ToneDetector(hertz + 200)
            for at in range(80, 2 * RATE - 160, 160):
                detector.hear((made + made)[at : at + 160])
                other.hear((made + made)[at : at + 160])
            self.assertEqual(detector.other, 0.0)
            self.assertLess(abs(detector.level - level), 1.0)
            self.assertEqual(other.seconds, 0.0)
