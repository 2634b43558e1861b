# -*- test-case-name: ichatgw.test.observe.test_compact -*-
"""
Ladders of calls that are over, as few octets.

A ladder of thirty entries is a hundred objects; as octets it is one, takes a fifth of the memory, and leaves no gaps in
it.  The octets never leave the process: they are no format for files, which is why they may be a pickle.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from attrs import fields

from ichatgw.observe.events import Event, kindsOf

LEVEL = 1
"""Of zlib.  The messages of a call resemble one another: higher ones gain a tenth, and take longer."""

Entry = tuple[str, Event]
"""The leg that something belongs to, and what it is."""

_KINDS: tuple[type[Any], ...] = kindsOf(Event)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
# All fields of an event as a tuple: that takes half as long to pickle as the event.
_VALUES: dict[type[Any], Any] = {kind: attrgetter(*(each.name for each in fields(kind))) for kind in _KINDS}


def compacted(entries: Sequence[Entry]) -> bytes:
    """Those entries, for L{expanded}."""
    rows = [(leg, _NUMBERS[type(event)], _VALUES[type(event)](event)) for leg, event in entries]
    return zlib.compress(pickle.dumps(rows, pickle.HIGHEST_PROTOCOL), LEVEL)


def expanded(octets: bytes) -> list[Entry]:
    """What L{compacted} was given."""
    return [(leg, _KINDS[number](*values)) for leg, number, values in pickle.loads(zlib.decompress(octets))]
