# -*- test-case-name: ichatgw.test.web.test_bundle -*-
"""
One call as a ZIP file that can be sent to others: nothing in it is secret.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from time import gmtime
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ichatgw.control.calls import shownCall
from ichatgw.control.rungs import shownRung
from ichatgw.log.redaction import Content
from ichatgw.observe.events import Message
from ichatgw.observe.ladder import line
from ichatgw.observe.snapshots import CallSnapshot, Rung
from ichatgw.web.pcap import capture

FIRST_YEAR, LAST_YEAR = 1980, 2107
"""What the date of a file in a ZIP file can be."""


class _Sink(io.RawIOBase):
    """Takes what is written, and gives it away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """It can only be written."""
        return True

    def write(self, data: Any) -> int:
        """Keep it until it is taken."""
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """What has been written since."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def bundle(call: CallSnapshot, rungs: Sequence[Rung], content: Content) -> Iterator[bytes]:
    """
    The parts of the file: C{call.json}, C{ladder.txt} and C{messages.pcap}.

    @param content: what of messages is left out besides secrets.
    """
    sink = _Sink()
    messages = [rung.event for rung in rungs if isinstance(rung.event, Message)]
    with ZipFile(sink, "w", ZIP_DEFLATED) as file:
        for name, pieces in (
            ("call.json", _json(call, rungs, content)),
            ("ladder.txt", ((line(rung) + "\n").encode("utf-8", "replace") for rung in rungs)),
            ("messages.pcap", capture(messages, lambda message: message.shown(content))),
        ):
            yield from _member(file, sink, ZipInfo(f"{call.id}/{name}", _dateOf(call.arrived)), pieces)
    yield sink.taken()


def _dateOf(wall: float) -> tuple[int, int, int, int, int, int]:
    """A time as such a file can say it: the clock on the wall may be years away from now."""
    year, *rest = gmtime(wall)[:6]
    month, day, hour, minute, second = rest if FIRST_YEAR <= year <= LAST_YEAR else (1, 1, 0, 0, 0)
    return min(max(year, FIRST_YEAR), LAST_YEAR), month, day, hour, minute, second


def _member(file: ZipFile, sink: _Sink, about: ZipInfo, pieces: Iterable[bytes]) -> Iterator[bytes]:
    about.compress_type = ZIP_DEFLATED
    with file.open(about, "w") as member:
        for piece in pieces:
            member.write(piece)
            yield sink.taken()


def _json(call: CallSnapshot, rungs: Sequence[Rung], content: Content) -> Iterator[bytes]:
    yield b'{"call": ' + _dumped(shownCall(call)) + b',\n"ladder": ['
    separator = b"\n"
    for rung in rungs:
        yield separator + _dumped(shownRung(rung, content))
        separator = b",\n"
    yield b"\n]}\n"


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
