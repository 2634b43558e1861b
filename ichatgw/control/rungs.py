# -*- test-case-name: ichatgw.test.control.test_rungs -*-
"""
The entries of a ladder, for people and programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ichatgw.log.redaction import Content
from ichatgw.observe import events
from ichatgw.observe.snapshots import Rung

_STANZA = re.compile(r"<(iq|message|presence)\b([^>]*)>\s*(?:<([\w:-]+)([^>]*)>)?")
_ATTRIBUTE = re.compile(r"\b(type|action|xmlns)=['\"]([^'\"]*)['\"]")
LONGEST = 120
"""Characters of a title."""


def shownRung(rung: Rung, content: Content = Content.DIGITS) -> dict[str, Any]:
    """
    As C{json} takes it, without secrets.

    @param content: what of messages is left out besides.
    C{way} is C{in} for a message that came, C{out} for one that was sent, and empty for what is none; C{text} is the
    whole message then.
    """
    event = rung.event
    shown: dict[str, Any] = {
        "at": round(rung.at, 4),
        "leg": rung.leg,
        "side": rung.role,
        "event": type(event).__name__,
        "title": titleOf(event)[:LONGEST],
        "way": "",
    }
    if isinstance(event, events.Message):
        shown["way"] = "in" if isinstance(event, events.MessageReceived) else "out"
        shown["transport"] = event.transport
        shown["remote"] = None if event.remote is None else str(event.remote)
        shown["text"] = event.shown(content)
    return shown


def titleOf(event: events.Event) -> str:
    """What happened, in a line."""
    if isinstance(event, events.Message):
        return _ofStanza(event.shown()) if event.protocol == "XMPP" else _ofMessage(event.shown())
    title = _TITLES.get(type(event))
    return type(event).__name__ if title is None else title(event)


def _ofMessage(text: str) -> str:
    """The first line of SIP, without its version."""
    return text.partition("\r\n")[0].removeprefix("SIP/2.0 ").removesuffix(" SIP/2.0")


def _ofStanza(text: str) -> str:
    found = _STANZA.match(text)
    if found is None:
        return text.split(">")[0]
    name, attributes, child, inner = found.groups()
    outer, within = dict(_ATTRIBUTE.findall(attributes)), dict(_ATTRIBUTE.findall(inner or ""))
    return " ".join(filter(None, (name, outer.get("type", ""), child or "", within.get("action", ""))))


_TITLES: dict[type[events.Event], Callable[[Any], str]] = {
    events.CallArrived: lambda event: f"{event.caller} calls {event.called} ({', '.join(event.codecs)})",
    events.CallRouted: lambda event: f"it leads to {event.route}",
    events.LegStarted: lambda event: f"{event.kind} leg with {event.party}",
    events.CallRang: lambda event: "rings",
    events.CallAnswered: lambda event: f"answered ({', '.join(event.codecs)})",
    events.LegEnded: lambda event: "is over" if event.ending is None else f"is over: {event.ending.reason.value}",
    events.CallEnded: lambda event: f"ended by {event.by}: {event.ending.reason.value} {event.ending.text}".rstrip(),
    events.MediaStarted: lambda event: f"first packet of the {event.side}",
    events.IceState: lambda event: f"ICE of the {event.side} {event.state} {event.text}",
    events.DtlsState: lambda event: f"encryption of the {event.side} {event.state} {event.text}",
}
