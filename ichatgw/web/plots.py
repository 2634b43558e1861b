# -*- test-case-name: ichatgw.test.web.test_plots -*-
"""
Small plots, as the numbers that an SVG is made of.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from ichatgw.observe.events import MediaStats
from ichatgw.web.history import MINUTES, Minute

WIDTH, HEIGHT = 600, 100
"""Units of the picture, whatever size it is shown in."""


@frozen
class Bar:
    """A rectangle of the picture, and what is said of it."""

    x: float
    y: float
    width: float
    height: float
    said: str


@frozen
class Bars:
    """
    @ivar top: the value that is as high as the picture.
    @ivar bars: with what failed as others, from the bottom.
    """

    top: float
    bars: tuple[Bar, ...]
    failed: tuple[Bar, ...]


@frozen
class Line:
    """
    @ivar name: of what it shows.
    @ivar unit: of the values.
    @ivar top: the value that is as high as the picture.
    @ivar last: the latest value.
    @ivar points: as C{<polyline>} takes them.
    """

    name: str
    unit: str
    top: float
    last: float
    points: str


def hour(minutes: Sequence[Minute]) -> Bars:
    """The calls that lived in each minute, the latest at the right, and how many came to nothing."""
    top = max([1, *(max(each.most, each.failed) for each in minutes)])
    step = WIDTH / MINUTES
    bars, failed = [], []
    for place, each in enumerate(minutes, MINUTES - len(minutes)):
        ago = MINUTES - 1 - place
        said = f"{ago} min ago: {each.most} at a time, {each.arrived} came, {each.failed} without an answer"
        bars.append(_bar(place * step, step - 2, each.most / top, said))
        if each.failed:
            failed.append(_bar(place * step, step - 2, each.failed / top, said))
    return Bars(top, tuple(bars), tuple(failed))


def _bar(x: float, width: float, share: float, said: str) -> Bar:
    height = round(share * HEIGHT, 1)
    return Bar(round(x, 1), HEIGHT - height, width, height, said)


def quality(history: Sequence[MediaStats]) -> tuple[Line, ...]:
    """What was lost of a stream, in percent, and its jitter, in milliseconds, over time; nothing of a short one."""
    if len(history) < 2:
        return ()
    losses = []
    for before, now in zip(history, history[1:], strict=False):
        lost, came = max(0, now.lost - before.lost), max(0, now.packets - before.packets)
        losses.append((now.time, 100 * lost / (lost + came) if lost + came else 0.0))
    here = [(each.time, 1000 * each.arrivalJitter) for each in history if each.arrivalJitter is not None]
    beyond = [(each.time, 1000 * each.jitter) for each in history if each.jitter is not None]
    jitters = (("jitter here", here), ("jitter at the hearer", beyond))
    return _line("loss", "%", losses, 1.0), *(
        _line(name, "ms", values, 10.0) for name, values in jitters if len(values) > 1
    )


def _line(name: str, unit: str, values: Sequence[tuple[float, float]], least: float) -> Line:
    top = max(least, *(value for _, value in values)) if values else least
    begin, span = values[0][0], max(1e-9, values[-1][0] - values[0][0])
    points = " ".join(
        f"{(time - begin) / span * WIDTH:.1f},{HEIGHT - value / top * HEIGHT:.1f}" for time, value in values
    )
    return Line(name, unit, round(top, 1), round(values[-1][1], 1), points)
