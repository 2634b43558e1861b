"""Tests for L{ichatgw.web.plots}."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.observe.events import MediaStats
from ichatgw.web.history import Minute
from ichatgw.web.plots import HEIGHT, WIDTH, hour, quality


def stats(time: float, packets: int, lost: int, jitter: float | None) -> MediaStats:
    """Figures of a stream."""
    return MediaStats(time, 0.0, "c-1", "caller", packets, 160 * packets, lost, jitter, None, None, (), None)


class PlotTests(SynchronousTestCase):
    """Numbers of pictures."""

    def test_hour(self) -> None:
        """The latest minute is at the right, the highest is as high as the picture, what failed is from the bottom."""
        plot = hour([Minute(1, 2), Minute(2, 8, 3, 4)])
        self.assertEqual([(bar.x, bar.y, bar.height) for bar in plot.bars], [(580.0, 75.0, 25.0), (590.0, 0.0, 100.0)])
        self.assertEqual([(bar.x, bar.y) for bar in plot.failed], [(590.0, 50.0)])
        self.assertEqual([bar.said.partition(":")[0] for bar in plot.bars], ["1 min ago", "0 min ago"])
        self.assertEqual(hour([]).bars, ())

    def test_quality(self) -> None:
        """Loss is that since the figures before, and jitter as it was."""
        loss, jitter = quality([stats(0, 0, 0, 0.005), stats(10, 75, 25, 0.02), stats(20, 175, 25, 0.01)])
        self.assertEqual((loss.top, loss.last, loss.points), (25.0, 0.0, f"0.0,0.0 {WIDTH:.1f},{HEIGHT:.1f}"))
        self.assertEqual((jitter.top, jitter.last, jitter.unit), (20.0, 10.0, "ms"))

    def test_jitterHere(self) -> None:
        """What is measured here has a line of its own."""
        history = [evolve(stats(time, 100, 0, None), arrivalJitter=time / 1000) for time in (4, 14)]
        loss, jitter = quality(history)
        self.assertEqual((loss.name, jitter.name, jitter.last), ("loss", "jitter here", 14.0))

    def test_little(self) -> None:
        """Of one set of figures there is no plot, without reports none of jitter, and standing still is possible."""
        self.assertEqual(quality([stats(0, 1, 0, None)]), ())
        (loss,) = quality([stats(0, 5, 0, None), stats(0, 5, 0, None)])
        self.assertEqual(loss.last, 0.0)

    def test_half(self) -> None:
        """If as many are lost as come, the loss is half; packets that come late take none back."""
        (loss,) = quality([stats(0, 0, 0, None), stats(10, 50, 50, None), stats(20, 100, 45, None)])
        self.assertEqual((loss.top, loss.last), (50.0, 0.0))
