"""
Tests for L{ichatgw.observe.records.quality}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.observe.records.quality import BEST, IMPAIRMENTS, meanOpinion, rating, score


class QualityTests(SynchronousTestCase):
    """The E-model, by figures of ITU-T."""

    def test_undisturbed(self) -> None:
        """G.711 without loss or delay is R 93.2, which is 4.41 (G.107 annex B)."""
        self.assertEqual(rating("PCMU", 0, 0), BEST)
        self.assertAlmostEqual(score(BEST), 4.41, 2)

    def test_scores(self) -> None:
        """R becomes a score as in G.107 table B.1."""
        for given, expected in ((90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1.0), (100, 4.5)):
            self.assertTrue(abs(score(given) - expected) < 0.01, given)

    def test_formats(self) -> None:
        """G.729 is 11 below G.711; a format of which nothing is known has no estimate."""
        self.assertEqual(rating("G729", 0, 0), BEST - 11)
        self.assertIs(rating("unheard-of", 0, 0), None)
        self.assertIs(meanOpinion("unheard-of", 0, None, None), None)

    def test_delay(self) -> None:
        """Delay takes 0.024 a millisecond, and 0.11 more beyond 177.3 (as simplified in G.107)."""
        self.assertAlmostEqual(rating("PCMA", 0, 0.1) or 0, BEST - 2.4)
        self.assertAlmostEqual(rating("PCMA", 0, 0.3) or 0, BEST - 7.2 - 0.11 * 122.7)

    def test_loss(self) -> None:
        """Loss takes as in G.107 clause 7.5; half of all packets make a call unusable."""
        self.assertAlmostEqual(rating("PCMU", 0.05, 0) or 0, BEST - 95 * 5 / 30.1)
        self.assertTrue(score(rating("PCMU", 0.5, 0) or 0) < 2)

    def test_worse(self) -> None:
        """Whatever gets worse makes no estimate better, and all of them lie between 1 and 4.5."""
        for codec in IMPAIRMENTS:
            for loss in (0, 0.01, 0.1, 0.5, 1, 7, -1):
                for delay in (0, 0.1, 0.5, 3, 1000):
                    found = meanOpinion(codec, loss, 2 * delay, 0)
                    assert found is not None
                    self.assertTrue(1 <= found <= 4.5)
                    self.assertTrue((meanOpinion(codec, loss + 0.1, 2 * delay, 0) or 0) <= found)
                    self.assertTrue((meanOpinion(codec, loss, 2 * delay + 0.2, 0.05) or 0) <= found)
