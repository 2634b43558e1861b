# -*- test-case-name: ichatgw.test.media.rtp.test_payloadtypes,ichatgw.test.media.rtp.test_g711 -*-
"""
The payload types (RFC 3551) of one party in the numbers of the other.

Each party numbers the formats in its own way, and has events (RFC 4733) by the clock it likes: 8000 Hz beside the
formats of telephones, 48000 Hz beside Opus.  Of the two laws of G.711 one may have the one and the other one the other.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd
from struct import Struct
from typing import Protocol

from attrs import define, field

from ichatgw.media.rtp.g711 import ALAW_TO_ULAW, ULAW_TO_ALAW
from ichatgw.media.rtp.rtp import HEADER
from ichatgw.model import Codec, SessionDescription, Tone

# RTP cannot have these as its second byte: it would be RTCP.
DROPPED = 200
"""Stands in a table for formats that the receiver does not have."""
REWRITTEN = 201
"""Stands in a table for formats whose packets are to be rewritten."""

LONGEST = 0xFFFF
"""The longest duration that can be said; longer events are told in pieces (RFC 4733 section 2.5.1.3)."""

_DURATION = Struct("!H")
_TIMESTAMP = Struct("!I")
_EXTENSION = Struct("!xxH")
_BLOCK = 4
_END = 0x80
_KEYS = "0123456789*#ABCD"

MIN_TONE, MAX_TONE = 40, 10_000
"""Milliseconds of a key that is told in signalling: what is shorter is not heard (ITU-T Q.24)."""


@define(eq=False)
class Events:
    """
    Rewrites events of one clock rate for a receiver that counts by another one.

    Their timestamps stay, as those of the audio around them do: it has the same clock for both parties.

    @ivar payloadType: the receiver's number.
    """

    payloadType: int
    _times: int
    _over: int
    _code: int = field(default=-1, init=False)
    _origin: int = field(default=0, init=False)
    _piece: int = field(default=0, init=False)
    _before: int = field(default=0, init=False)
    _last: int = field(default=0, init=False)

    @classmethod
    def between(cls, sent: Codec, wanted: Codec) -> Events:
        common = gcd(sent.clockRate, wanted.clockRate)
        return cls(wanted.payloadType, wanted.clockRate // common, sent.clockRate // common)

    def rewrite(self, buffer: bytearray, size: int) -> bool:
        """
        The packet of C{size} bytes in C{buffer}, in place.

        @return: whether it is one.
        """
        at = _payloadAt(buffer, size)
        if at + _BLOCK > size:
            return False
        code, (duration,) = buffer[at], _DURATION.unpack_from(buffer, at + 2)
        self._follow(_TIMESTAMP.unpack_from(buffer, 4)[0], code, duration)
        total = self._scaled(self._before + duration)
        pieces = max(0, total - 1) // LONGEST
        _DURATION.pack_into(buffer, at + 2, total - pieces * LONGEST)
        _TIMESTAMP.pack_into(buffer, 4, (self._origin + pieces * LONGEST) & 0xFFFFFFFF)
        for later in range(at + _BLOCK, size - _BLOCK + 1, _BLOCK):
            _DURATION.pack_into(buffer, later + 2, self._scaled(_DURATION.unpack_from(buffer, later + 2)[0]) & LONGEST)
        buffer[1] = self.payloadType | buffer[1] & 0x80
        return True

    def _follow(self, timestamp: int, code: int, duration: int) -> None:
        """Is this a new event, or the next piece of one that is too long for its sender's clock?"""
        if timestamp != self._piece or code != self._code:
            goesOn = code == self._code and self._last == LONGEST and timestamp == (self._piece + LONGEST) & 0xFFFFFFFF
            self._before = self._before + LONGEST if goesOn else 0
            self._origin = self._origin if goesOn else timestamp
            self._piece, self._code = timestamp, code
        self._last = duration

    def _scaled(self, duration: int) -> int:
        return -(-duration * self._times // self._over)


@define(eq=False)
class Told:
    """
    Reads events for a receiver that takes none in its media: each key is told once, when it ends, or another begins.

    @ivar clockRate: by which the sender counts.
    @ivar heard: told of the keys.
    """

    clockRate: int
    heard: Callable[[Tone], None]
    _code: int = field(default=-1, init=False)
    _begin: int = field(default=0, init=False)
    _before: int = field(default=0, init=False)
    _duration: int = field(default=0, init=False)
    _isTold: bool = field(default=True, init=False)

    def rewrite(self, buffer: bytearray, size: int) -> bool:
        """
        The packet of C{size} bytes in C{buffer}.

        @return: that it is not to be sent on.
        """
        at = _payloadAt(buffer, size)
        if at + _BLOCK <= size:
            self._follow(_TIMESTAMP.unpack_from(buffer, 4)[0], buffer[at])
            self._duration = _DURATION.unpack_from(buffer, at + 2)[0]
            if buffer[at + 1] & _END:
                self._tell()
        return False

    def _follow(self, timestamp: int, code: int) -> None:
        if (timestamp, code) == (self._begin, self._code):
            return
        goesOn = code == self._code and not self._isTold and timestamp == (self._begin + LONGEST) & 0xFFFFFFFF
        if not goesOn:
            self._tell()
        self._before = self._before + LONGEST if goesOn else 0
        self._begin, self._code, self._isTold = timestamp, code, False

    def _tell(self) -> None:
        if self._isTold:
            return
        self._isTold = True
        if self._code < len(_KEYS):
            milliseconds = (self._before + self._duration) * 1000 // self.clockRate
            self.heard(Tone(_KEYS[self._code], min(max(milliseconds, MIN_TONE), MAX_TONE)))


@define(eq=False)
class Law:
    """
    Makes the one law of G.711 of the other, octet by octet.

    @ivar payloadType: the receiver's number.
    @ivar table: for each octet of the source's law that of the receiver's.
    """

    payloadType: int
    table: bytes

    def rewrite(self, buffer: bytearray, size: int) -> bool:
        """
        The packet of C{size} bytes in C{buffer}, in place.

        @return: whether it is one.
        """
        begin, end = HEADER.size, size
        if buffer[0] & 0x3F:
            begin = _payloadAt(buffer, size)
            end -= buffer[size - 1] if buffer[0] & 0x20 else 0
            if begin > end:
                return False
        buffer[begin:end] = buffer[begin:end].translate(self.table)
        buffer[1] = self.payloadType | buffer[1] & 0x80
        return True


class Rewriter(Protocol):
    """Makes packets of one format those of another."""

    def rewrite(self, buffer: bytearray, size: int) -> bool:
        """See L{Law}, L{Events} and L{Told}."""


def _payloadAt(buffer: bytearray, size: int) -> int:
    """Behind contributing sources and header extensions; past the end if the packet is cut short."""
    at = HEADER.size + 4 * (buffer[0] & 0x0F)
    if buffer[0] & 0x10:
        if at + 4 > size:
            return size
        at += 4 + 4 * int(_EXTENSION.unpack_from(buffer, at)[0])
    return at


@define(eq=False)
class Mapping:
    """
    @ivar table: for each second byte of an RTP packet (marker and payload type) what the receiver expects instead, or
        L{DROPPED}, or L{REWRITTEN}.
    @ivar rewriters: how to rewrite these, by their payload type.
    """

    table: bytes
    rewriters: dict[int, Rewriter]


def mappingOf(
    sent: tuple[Codec, ...], receiver: SessionDescription, heard: Callable[[Tone], None] | None = None
) -> Mapping | None:
    """
    @param sent: the formats that a party sends, by its numbers.
    @param heard: told of its keys if the receiver takes none in its media.
    @return: C{None} if one of the two has not said what it has: all passes then, as it is.
    """
    if not sent or not receiver.codecs:
        return None
    table = bytearray([DROPPED]) * 256
    rewriters: dict[int, Rewriter] = {}
    for codec in sent:
        wanted = receiver.find(codec)
        if wanted is not None:
            _put(table, codec.payloadType, wanted.payloadType)
        elif (rewriter := _rewriter(codec, receiver, heard)) is not None:
            rewriters[codec.payloadType] = rewriter
            table[codec.payloadType] = table[codec.payloadType | 0x80] = REWRITTEN
    return Mapping(bytes(table), rewriters)


def _rewriter(codec: Codec, receiver: SessionDescription, heard: Callable[[Tone], None] | None) -> Rewriter | None:
    wanted = _otherEvent(receiver) if codec.isEvent else receiver.hears(codec)
    if codec.isEvent and wanted is None:
        return None if heard is None else Told(codec.clockRate, heard)
    if wanted is None:
        return None
    if codec.isEvent:
        return Events.between(codec, wanted)
    return Law(wanted.payloadType, ULAW_TO_ALAW if codec.name.lower() == "pcmu" else ALAW_TO_ULAW)


def _put(table: bytearray, from_: int, to: int) -> None:
    table[from_] = to
    # With a marker these would make RTCP of it.
    table[from_ | 0x80] = to if 64 <= to <= 95 else to | 0x80


def _otherEvent(receiver: SessionDescription) -> Codec | None:
    """The receiver's events, by whatever clock; best by that of its first format."""
    found = [codec for codec in receiver.codecs if codec.isEvent]
    rate = receiver.codecs[0].clockRate
    return min(found, key=lambda codec: codec.clockRate != rate, default=None)
