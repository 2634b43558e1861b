# -*- test-case-name: ichatgw.test.observe.test_ladder -*-
"""
One call drawn as a ladder: what was said to the caller, and to the callee, and what happened between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ichatgw.observe.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallRang,
    CallRouted,
    DtlsState,
    Event,
    IceState,
    LegEnded,
    LegStarted,
    MediaStarted,
    Message,
    MessageSent,
)
from ichatgw.observe.snapshots import Rung

_TIME = 11
_SPAN = 42
_STATUS = re.compile(r"SIP/2\.0 (\d{3}) ?([^\r\n]*)", re.IGNORECASE)
_SEQUENCE = re.compile(r"^CSeq[ \t]*:\s*\d+\s+(\w+)", re.IGNORECASE | re.MULTILINE)
_STANZA = re.compile(r"<(?:[\w-]+:)?(iq|message|presence)\b[^>]*>")
_TYPE = re.compile(r"\stype=['\"](\w+)")
_ACTION = re.compile(r"<(?:[\w-]+:)?jingle\b[^>]*?\saction=['\"]([\w-]+)")
_WORD = re.compile(
    r"<(?:[\w-]+:)?(propose|retract|accept|proceed|reject|ringing|finish)\b[^>]*jingle-message|apple:iq:(vc:\w+)"
)


def draw(rungs: Sequence[Rung]) -> str:
    """A ladder of at most a hundred columns: the caller at the left, the callee at the right, we between."""
    if not rungs:
        return ""
    title = f"{'':{_TIME}}{'caller':<{_SPAN - 3}}{'gateway':<{_SPAN - 3}}{'callee':>6}"
    return "\n".join([title, *(line(rung) for rung in rungs)])


def line(rung: Rung) -> str:
    """One rung, as in L{draw}."""
    event = rung.event
    head = f"{1000 * rung.at:>7.0f} ms"
    if isinstance(event, Message):
        isCallers = rung.role != "callee"
        arrow = _arrow(labelOf(event), isinstance(event, MessageSent) != isCallers)
        left, right = (arrow, " " * _SPAN) if isCallers else (" " * _SPAN, arrow)
        return f"{head} |{left}|{right}|"
    return f"{head} |{_cut(f' {said(event)} ', 2 * _SPAN + 1).center(2 * _SPAN + 1, '.')}|"


def labelOf(message: Message) -> str:
    """A message in a few words, and nothing of it that could be secret."""
    return _ofSip(message.text) if message.protocol == "SIP" else _ofStanza(message.text)


def said(event: Event) -> str:
    """What happened, in words."""
    words = _WORDS.get(type(event))
    return type(event).__name__ if words is None else words(event).rstrip()


def _legEnded(event: LegEnded) -> str:
    if event.ending is None:
        return f"leg {event.leg} never said that it ended"
    return f"leg {event.leg} ended: {event.ending.reason.value} {event.ending.text}"


_WORDS: dict[type[Event], Callable[[Any], str]] = {
    CallArrived: lambda event: f"{event.caller} calls {event.called} ({', '.join(event.codecs)})",
    CallRouted: lambda event: f"leads to {event.route} for {event.caller}",
    LegStarted: lambda event: f"{event.kind} leg {event.leg} is the {event.role}'s, with {event.party}",
    CallRang: lambda event: f"leg {event.leg} rings",
    CallAnswered: lambda event: f"leg {event.leg} has answered ({', '.join(event.codecs)})",
    LegEnded: _legEnded,
    MediaStarted: lambda event: f"first packet of the {event.side} from {event.source}",
    IceState: lambda event: f"ICE of the {event.side} {event.state}: {event.text}",
    DtlsState: lambda event: f"media of the {event.side} {event.state}: {event.text}",
    CallEnded: lambda event: f"ended by {event.by}: {event.ending.reason.value} {event.ending.text}",
}


def _arrow(label: str, rightwards: bool) -> str:
    filled = _cut(f" {label} ", _SPAN - 3).center(_SPAN - 1, "-")
    return filled + ">" if rightwards else "<" + filled


def _cut(text: str, room: int) -> str:
    printable = "".join(each if each.isprintable() else "?" for each in text)
    return printable if len(printable) <= room else printable[: room - 4] + "... "


def _ofSip(text: str) -> str:
    status = _STATUS.match(text)
    method = _SEQUENCE.search(text)
    if status is not None:
        return f"{status[1]} {status[2]} ({method[1] if method else '?'})"
    name, _, rest = text.partition(" ")
    user = rest.partition(" ")[0].partition(":")[2].partition("@")[0].partition(":")[0]
    return f"{name} {user}" if name == "INVITE" and user else name


def _ofStanza(text: str) -> str:
    stanza = _STANZA.match(text)
    if stanza is None:
        return "stream"
    kind = _TYPE.search(stanza[0])
    action = _ACTION.search(text)
    word = _WORD.search(text)
    suffix = f" {kind[1]}" if kind is not None and kind[1] != "set" else ""
    if action is not None:
        return action[1] + suffix
    if word is not None:
        return (word[1] or word[2]) + suffix
    return stanza[1] + (f" {kind[1]}" if kind is not None else "")


def coloured(rung: Rung) -> str:
    """The same as L{line} for a terminal: messages of either party in its own colour, and what happened dim."""
    colour = 2 if not isinstance(rung.event, Message) else 33 if rung.role == "callee" else 36
    return f"\x1b[{colour}m{line(rung)}\x1b[0m"
