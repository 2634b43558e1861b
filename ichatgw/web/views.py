# -*- test-case-name: ichatgw.test.web.test_views,ichatgw.test.web.test_pages -*-
"""
What pages show: texts made of calls and of what has happened in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from attrs import frozen

from ichatgw.model import Ending
from ichatgw.observe.events import Message, MessageSent
from ichatgw.observe.ladder import labelOf, said
from ichatgw.observe.snapshots import CallSnapshot, MediaSnapshot, Rung
from ichatgw.web.plots import Line, quality

SIDES = ("caller", "callee", "other party")


@frozen
class MediaView:
    """
    What came from one party.

    @ivar facts: names and values.
    @ivar lines: plots.
    """

    side: str
    facts: Mapping[str, str]
    lines: tuple[Line, ...]


@frozen
class RungView:
    """
    One line of a ladder.

    @ivar id: of its element.
    @ivar time: since the call came.
    @ivar role: whose side it is; empty for the call as a whole.
    @ivar way: C{sent} or C{received} of a message; empty for what has happened.
    @ivar label: it in a few words.
    @ivar about: from where, or to where.
    @ivar text: the whole message, without what is secret.
    """

    id: str
    time: str
    role: str
    way: str
    label: str
    about: str = ""
    text: str = ""


def moment(wall: float) -> str:
    """A time of the day, where the gateway is."""
    return datetime.fromtimestamp(wall).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def lasting(seconds: float) -> str:
    """A time such as C{0:05} or C{1:02:03}."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def reasonOf(ending: Ending | None) -> str:
    """An end in words."""
    if ending is None:
        return ""
    text = f" ({ending.text})" if ending.text else ""
    return f"{ending.reason.value}{text}"


def matches(call: CallSnapshot, wanted: str) -> bool:
    """Is that text in its name, an address of it, or in why it ended?"""
    return wanted.lower() in call.words.lower()


def rungView(number: int, rung: Rung, shown: Callable[[Message], str]) -> RungView:
    """
    @param number: which one it is of its ladder.
    @param shown: what is shown of a message.
    """
    event, time = rung.event, f"{1000 * rung.at:.0f} ms"
    if not isinstance(event, Message):
        return RungView(f"r{number}", time, rung.role, "", said(event))
    isSent = isinstance(event, MessageSent)
    far = "" if event.remote is None else f" {'to' if isSent else 'from'} {event.remote}"
    about = f"{event.protocol} over {event.transport}{far}" if event.protocol == "SIP" else f"XMPP{far}"
    way = "sent" if isSent else "received"
    return RungView(f"r{number}", time, rung.role, way, labelOf(event), about, shown(event))


def mediaViews(call: CallSnapshot) -> list[MediaView]:
    """What came from each party that was to send."""
    return [_mediaView(side, call.media[side]) for side in SIDES if side in call.media]


def _mediaView(side: str, media: MediaSnapshot) -> MediaView:
    facts = {"first packet": "none" if media.startedAt is None else f"after {1000 * media.startedAt:.0f} ms"}
    stats = media.stats
    if stats is not None:
        facts["packets"] = f"{stats.packets} ({stats.octets} octets), {stats.lost} lost on the way to us"
        if stats.arrivalJitter is not None:
            facts["jitter on the way to us"] = f"{1000 * stats.arrivalJitter:.1f} ms"
        if stats.lostBeyond is not None:
            facts["lost at the hearer"] = str(stats.lostBeyond)
        if stats.jitter is not None:
            facts["jitter at the hearer"] = f"{1000 * stats.jitter:.1f} ms"
        if stats.roundTrip is not None:
            facts["round trip"] = f"{1000 * stats.roundTrip:.0f} ms"
        if stats.dropped:
            facts["not relayed"] = ", ".join(f"{count} ({reason})" for reason, count in stats.dropped)
        if stats.source is not None:
            facts["from"] = str(stats.source)
    if media.ice:
        facts["ICE"] = media.ice
    if media.encryption:
        facts["encryption"] = media.encryption
    return MediaView(side, facts, quality(media.history))
