# -*- test-case-name: ichatgw.test.web.figures.test_tally -*-
"""
Figures that change with each message.

Those of C{prometheus_client} have locks and look for their labels at each change, which takes ten times as long; all of
ours change on one thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector


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
