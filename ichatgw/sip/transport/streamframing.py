# -*- test-case-name: ichatgw.test.sip.transport.test_streamframing -*-
"""
Where one message ends and the next begins, on a stream (RFC 3261 section 18.3).

Nothing here has a socket or a clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import define, field

from ichatgw.errors import MalformedError

MAX_MESSAGE = 16384
"""Octets of a message, as on UDP."""

PING = b"\r\n\r\n"
"""What a far end sends to keep a connection open, and what it wants to hear: L{PONG} (RFC 5626 section 4.4.1)."""

PONG = b"\r\n"

_PINGS = re.compile(rb"(?:\r\n\r\n)+")
_END = b"\r\n\r\n"
_BARE_END = b"\n\n"
_LENGTH = re.compile(rb"\r?\n(?:content-length|l)[ \t]*:([^\r\n]*)(?=\r?\n)", re.IGNORECASE)


@define(eq=False)
class Framer:
    """
    Cuts a stream into messages.

    @ivar partial: a message has begun and is not complete.
    @ivar awaitsPong: a ping of ours is not answered yet, so that an empty line is L{PONG} and not half a L{PING}.
    """

    limit: int = MAX_MESSAGE
    awaitsPong: bool = False
    _buffer: bytearray = field(factory=bytearray, init=False)
    _searched: int = field(default=0, init=False)
    _awaited: int = field(default=0, init=False)

    @property
    def partial(self) -> bool:
        return len(self._buffer) > len(PING)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """
        The messages that are complete now, whole, L{PING} for keepalives, however many come one after the other, and
        L{PONG} for one that answers ours.

        @raise MalformedError: if it cannot be known where a message ends, or one is too long: the stream is of no more
            use.
        """
        self._buffer += data
        while True:
            message = self._next()
            if message is None:
                return
            yield message

    def _next(self) -> bytes | None:
        if not self._awaited:
            if self._buffer[:2] == b"\r\n":
                return self._blank()
            end = self._buffer.find(_END, max(0, self._searched - len(_END)), self.limit + len(_END))
            size = len(_END)
            bare = self._bareEnd(end if end >= 0 else self.limit)
            if bare >= 0:
                end, size = bare, len(_BARE_END)
            if end < 0:
                self._searched = len(self._buffer)
                if self._searched > self.limit:
                    raise MalformedError(f"a header of more than {self.limit} octets")
                return None
            self._awaited = end + size + self._length(end)
        if len(self._buffer) < self._awaited:
            return None
        return self._take(self._awaited)

    def _bareEnd(self, before: int) -> int:
        """Where a header ends whose lines have no CR; -1 if it is not such a one, or not complete."""
        end = self._buffer.find(_BARE_END, max(0, self._searched - len(_BARE_END)), before + len(_BARE_END))
        return end if end >= 0 and self._buffer.find(b"\r", 0, end) < 0 else -1

    def _blank(self) -> bytes | None:
        pings = _PINGS.match(self._buffer)
        if pings is not None:
            end = pings.end()
            del pings  # it holds the buffer, which could not be cut else
            self._take(end)
            return PING
        if self.awaitsPong:
            self.awaitsPong = False
            return self._take(len(PONG))
        if len(self._buffer) < 4 and bytes(self._buffer) in (b"\r\n", b"\r\n\r"):
            return None  # half a ping, or a pong that is not waited for
        self._take(2)
        return self._next()

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._searched = self._awaited = 0
        return taken

    def _length(self, end: int) -> int:
        stated = {value.strip() for value in _LENGTH.findall(bytes(self._buffer[: end + 2]))}
        if len(stated) != 1:
            raise MalformedError("a message without a Content-Length" if not stated else "two Content-Lengths")
        (value,) = stated
        if not re.fullmatch(rb"[0-9]{1,6}", value) or end + int(value) > self.limit:
            raise MalformedError("a Content-Length that is none, or more than we take")
        return int(value)
