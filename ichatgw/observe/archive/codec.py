# -*- test-case-name: ichatgw.test.observe.archive.test_codec -*-
"""
Calls and their ladders as text, to be kept in a file, and back.  Nothing of it is secret: messages are written as they
may be shown.

It is JSON; a value of ours is an object whose C{_} is the name of its class.  What a later version has more is left out
when it is read.
"""

from __future__ import annotations

import json
from functools import partial
from operator import attrgetter
from typing import Any

from attrs import evolve, fields

from ichatgw.log.redaction import Content
from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.observe.events import Event, Message, kindsOf
from ichatgw.observe.snapshots import CallSnapshot, LegSnapshot, MediaSnapshot, Rung

_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (*kindsOf(Event), Ending, TransportAddress, LegSnapshot, MediaSnapshot, CallSnapshot, Rung)
}
_FIELDS = {kind: tuple(each.name for each in fields(kind)) for kind in _KINDS.values()}
_VALUES: dict[Any, Any] = {kind: attrgetter(*names) for kind, names in _FIELDS.items()}
_REASON = EndReason.__name__


def packedCall(call: CallSnapshot) -> str:
    """A call without its ladder and without the figures over time, for lists."""
    media = {side: evolve(each, history=()) for side, each in call.media.items()}
    return _packed(evolve(call, media=media), Content.NONE)


def packed(call: CallSnapshot, rungs: tuple[Rung, ...], content: Content) -> str:
    """
    A call with all there is to know of it.

    @param content: what of messages is left out besides secrets.
    """
    return _packed((call, rungs), content)


def readCall(text: str) -> CallSnapshot:
    """
    What L{packedCall} has written.

    @raise ValueError: if it is something else.
    """
    found = _read(text)
    if not isinstance(found, CallSnapshot):
        raise ValueError("this is no call")
    return found


def read(text: str) -> tuple[CallSnapshot, tuple[Rung, ...]]:
    """
    What L{packed} has written.

    @raise ValueError: if it is something else.
    """
    found = _read(text)
    if not isinstance(found, list) or len(found) != 2 or not isinstance(found[0], CallSnapshot):
        raise ValueError("this is no call with its ladder")
    call, rungs = found
    if not isinstance(rungs, list) or not all(isinstance(each, Rung) for each in rungs):
        raise ValueError("this is no ladder")
    return call, tuple(rungs)


def _packed(value: object, content: Content) -> str:
    return json.dumps(value, default=partial(_plain, content=content), separators=(",", ":"))


def _plain(value: Any, content: Content) -> dict[str, Any]:
    if isinstance(value, EndReason):
        return {"_": _REASON, "name": value.name}
    kind = type(value)
    made = dict(zip(_FIELDS[kind], _VALUES[kind](value), strict=True))
    made["_"] = kind.__name__
    if isinstance(value, Message):
        made["data"] = value.shown(content)
    return made


def _read(text: str) -> Any:
    try:
        return json.loads(text, object_hook=_made)
    except (KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise ValueError(f"it cannot be read: {problem}") from problem


def _made(found: dict[str, Any]) -> Any:
    name = found.get("_")
    if name is None:
        return found
    if name == _REASON:
        return EndReason[found["name"]]
    kind = _KINDS[name]
    values = {each: _fixed(found[each]) for each in _FIELDS[kind] if each in found}
    if issubclass(kind, Message):
        values["data"] = values["data"].encode("utf-8", "replace")
    return kind(**values)


def _fixed(value: Any) -> Any:
    return tuple(map(_fixed, value)) if isinstance(value, list) else value
