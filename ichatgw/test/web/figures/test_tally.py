"""
Tests for L{ichatgw.web.figures.tally}.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.web.figures.tally import Level, Spread, Tally


class TallyTests(SynchronousTestCase):
    """Figures that change with each message."""

    def setUp(self) -> None:
        """The times at which figures were made are not shown, as L{Metrics} has it for the whole process."""
        disable_created_metrics()

    def test_alikeCounter(self) -> None:
        """What is counted is shown as the library shows its own counters, odd values of labels included."""
        ours, theirs = CollectorRegistry(), CollectorRegistry()
        tally = Tally("gw_things_total", "Things.", ("kind", "way"), ours)
        counter = Counter("gw_things_total", "Things.", ("kind", "way"), registry=theirs)
        for kind, way in (("a", "in"), ("a", "in"), ('"\\\n', "out")):
            tally.counts[kind, way] += 1
            counter.labels(kind, way).inc()
        self.assertEqual(generate_latest(ours), generate_latest(theirs))

    def test_alikeGauge(self) -> None:
        """A figure that has gone down to nothing is still shown."""
        ours, theirs = CollectorRegistry(), CollectorRegistry()
        level, gauge = (
            Level("gw_calls", "Calls.", ("state",), ours),
            Gauge("gw_calls", "C", ("state",), registry=theirs),
        )
        for state, change in (("talking", 2), ("ringing", 1), ("ringing", -1)):
            level.counts[state,] += change
            gauge.labels(state).inc(change)
        self.assertEqual(generate_latest(ours), generate_latest(theirs).replace(b"gw_calls C\n", b"gw_calls Calls.\n"))

    def test_alikeHistogram(self) -> None:
        """A spread is shown as the library shows its own histograms: on a limit, above all, below all, and negative."""
        for label in ("", "way"):
            ours, theirs = CollectorRegistry(), CollectorRegistry()
            limits, names = (0.1, 1, 2.5), (label,) if label else ()
            spread = Spread("gw_waits", "Waits.", label, limits, ours)
            histogram = Histogram("gw_waits", "Waits.", names, buckets=limits, registry=theirs)
            self.assertEqual(generate_latest(ours), generate_latest(theirs))
            for value, way in ((0.1, "in"), (0.05, "in"), (1.5, '"\\\n'), (7, "in"), (-1, "in"), (1, "in")):
                spread.add(value, way if label else "")
                (histogram.labels(way) if label else histogram).observe(value)
            self.assertEqual(generate_latest(ours), generate_latest(theirs))

    def test_none(self) -> None:
        """One that has counted nothing is named all the same."""
        registry = CollectorRegistry()
        Tally("gw_things_total", "Things.", ("kind",), registry)
        self.assertIn(b"# TYPE gw_things_total counter", generate_latest(registry))

    def test_twice(self) -> None:
        """No two figures have one name."""
        registry = CollectorRegistry()
        Tally("gw_things_total", "Things.", ("kind",), registry)
        self.assertRaises(ValueError, Tally, "gw_things_total", "Things.", (), registry)
