# -*- test-case-name: ichatgw.test.web.figures.test_tally -*-
"""
Figures that change with each message or call.

Those of C{prometheus_client} have locks and look for their labels at each change, which takes ten times as long; all of
ours change on one thread.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Tally(Collector):
    """
    One figure with labels, whose values are read at each scrape.

    @ivar counts: by the values of the labels; C{counts[values] += 1} counts one.
    """

    _family: type[CounterMetricFamily | GaugeMetricFamily] = CounterMetricFamily

    def __init__(self, name: str, about: str, labels: tuple[str, ...], registry: CollectorRegistry) -> None:
        self.counts: defaultdict[tuple[str, ...], float] = defaultdict(float)
        self._name, self._about, self._labels = name, about, labels
        registry.register(self)

    def describe(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """The name, for the registry."""
        yield self._family(self._name, self._about, labels=self._labels)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """What has been counted so far."""
        [family] = self.describe()
        for values, count in self.counts.items():
            family.add_metric(values, count)
        yield family


class Level(Tally):
    """One that goes up and down."""

    _family = GaugeMetricFamily


class Spread(Collector):
    """
    A histogram with at most one label, whose values are read at each scrape.

    @param label: its name; empty for none.
    @param buckets: the upper limits, in order.
    """

    def __init__(
        self, name: str, about: str, label: str, buckets: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._name, self._about, self._labels = name, about, (label,) if label else ()
        self._limits = tuple(map(float, buckets))
        self._counts: dict[str, list[int]] = {}
        self._sums: defaultdict[str, float] = defaultdict(float)
        if not label:
            self._of("")
        registry.register(self)

    def add(self, value: float, label: str = "") -> None:
        """
        Count one.

        @param label: the value of the label.
        """
        counts = self._counts.get(label) or self._of(label)
        counts[bisect_left(self._limits, value)] += 1
        self._sums[label] += value

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """The name, for the registry."""
        yield HistogramMetricFamily(self._name, self._about, labels=self._labels)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What has been counted so far."""
        [family] = self.describe()
        names = [*map(floatToGoString, self._limits), "+Inf"]
        for label, counts in self._counts.items():
            upTo = accumulate(counts)
            family.add_metric((label,) if label else (), list(zip(names, upTo, strict=True)), self._sums[label])
        yield family

    def _of(self, label: str) -> list[int]:
        counts = self._counts[label] = [0] * (len(self._limits) + 1)
        return counts
