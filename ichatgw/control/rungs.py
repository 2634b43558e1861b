# -*- test-case-name: ichatgw.test.control.test_rungs -*-
"""
The entries of a ladder, for people and programs.
"""

from __future__ import annotations

from typing import Any

from ichatgw.log.redaction import Content
from ichatgw.observe import events
from ichatgw.observe.ladder import labelOf, said
from ichatgw.observe.snapshots import Rung

LONGEST = 120
"""Characters of a title."""


def shownRung(rung: Rung, content: Content = Content.DIGITS) -> dict[str, Any]:
    """
    As C{json} takes it, without secrets.

    @param content: what of messages is left out besides.
    @return: C{way} is C{in} for a message that came, C{out} for one that was sent, and empty for what is none; C{text}
        is the whole message.
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
    """What happened, in a line, as in the drawn ladder."""
    return labelOf(event) if isinstance(event, events.Message) else said(event)
