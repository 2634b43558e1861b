# -*- test-case-name: ichatgw.test.web.figures.test_trunks -*-
"""
Figures of trunks for Prometheus, written some trunks at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, cast

from attrs import frozen
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest

Trunks = Callable[[], Iterator[Mapping[str, Any]]]
"""Gives the state of each trunk, see L{ichatgw.sip.trunk.states.states}."""

AT_ONCE = 50
"""Trunks of which a figure is written in one piece."""

_Figure = Callable[[Mapping[str, Any]], float | None]

_FIGURES: tuple[tuple[str, str, _Figure], ...] = (
    ("ichatgw_trunk_works", "Whether calls can be made by a trunk: 1 or 0.", lambda trunk: trunk["works"]),
    (
        "ichatgw_trunk_registration_seconds",
        "Seconds that are left of the registration of a trunk; 0 if there is none.",
        lambda trunk: (trunk["left"] or 0) if trunk["registers"] else None,
    ),
    (
        "ichatgw_trunk_answers",
        "Whether the server of a trunk answers probes: 1 or 0.",
        lambda trunk: {"answers": 1, "no answer": 0}.get(trunk["probing"]),
    ),
    ("ichatgw_trunk_calls", "Calls by a trunk that live now.", lambda trunk: trunk["calls"]),
)
"""Name, meaning, and how a figure is made of a state; C{None} if the trunk has none."""


def noTrunks() -> Iterator[Mapping[str, Any]]:
    """Where there are no trunks."""
    return iter(())


@frozen
class _Only:
    """One family of figures, as if it was all."""

    family: Any

    def collect(self) -> Iterator[Any]:
        """The one family of figures, for the exposition format."""
        yield self.family


def textOf(family: Any) -> bytes:
    """One family of figures in the text format of Prometheus."""
    return generate_latest(cast(CollectorRegistry, _Only(family)))


def trunkPieces(trunks: Trunks) -> Iterator[bytes]:
    """All figures of all trunks, piece by piece; names of trunks are few, and the administrator's."""
    for name, about, figure in _FIGURES:
        yield from _pieces(name, about, figure, trunks())


def _pieces(name: str, about: str, figure: _Figure, trunks: Iterator[Mapping[str, Any]]) -> Iterator[bytes]:
    isFirst = True
    while some := list(islice(trunks, AT_ONCE)):
        family = GaugeMetricFamily(name, about, labels=("trunk",))
        for trunk in some:
            value = figure(trunk)
            if value is not None:
                family.add_metric((trunk["name"],), float(value))
        text = textOf(family) if family.samples else b""
        if text and not isFirst:
            text = text.split(b"\n", 2)[2]  # what the figure means is said once
        isFirst = isFirst and not text
        yield text
