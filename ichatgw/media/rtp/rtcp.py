# -*- test-case-name: ichatgw.test.media.rtp.test_rtcp,ichatgw.test.media.rtp.test_reports -*-
"""
RTCP compound packets (RFC 3550 section 6, RFC 4585, RFC 3611), rewritten so that they stay true behind a relay.

The relay gives each stream an SSRC of its own and may renumber it after a pause.  So what a party says of itself, and
what it says of the stream that it receives, must be put into the numbers that the other party knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from attrs import frozen

from ichatgw.errors import MalformedError

SENDER_REPORT = 200
RECEIVER_REPORT = 201
DESCRIPTION = 202
BYE = 203
APPLICATION = 204
TRANSPORT_FEEDBACK = 205
PAYLOAD_FEEDBACK = 206
EXTENDED_REPORT = 207

_WORD = Struct("!I")
_SENDER_COUNTS = Struct("!III")
_HEAD = 4
_REPORT_BLOCK = 24
# Extended report blocks (RFC 3611 section 4) that start with the SSRC they are about.
_XR_ABOUT_SOURCE = frozenset({1, 2, 3, 6, 7})
_XR_DLRR = 5


@frozen
class Renumbering:
    """
    How the numbers of one party's RTCP become those that the other party knows.

    @ivar outgoing: the SSRC under which the relay forwards what the party sends.
    @ivar source: the SSRC of the party's own stream, C{None} if it has sent none.
    @ivar received: the SSRC under which the relay sends to the party.
    @ivar original: the other party's own SSRC of that stream, C{None} if it has sent none.
    @ivar timestampShift: what the relay adds to the party's RTP timestamps.
    @ivar sequenceShift: what the relay adds to the other party's sequence numbers.
    @ivar packets: how many packets the relay has sent under C{outgoing}.
    @ivar octets: how many octets of payload these had.
    """

    outgoing: int
    received: int
    source: int | None = None
    original: int | None = None
    timestampShift: int = 0
    sequenceShift: int = 0
    packets: int = 0
    octets: int = 0


def walk(datagram: bytes) -> Iterator[tuple[int, int, int, int]]:
    """
    Each packet of a compound: its type, its count field, and where it starts and ends (without padding).

    Reduced-size RTCP (RFC 5506) is accepted, so any type may come first.

    @raise MalformedError: by the checks of RFC 3550 appendix A.2: versions, lengths that add up, padding only in the
        last packet.
    """
    size = len(datagram)
    if size < 8 or size % 4:
        raise MalformedError(f"RTCP of {size} bytes")
    at = 0
    while at < size:
        first, kind = datagram[at], datagram[at + 1]
        end = at + 4 * (int.from_bytes(datagram[at + 2 : at + 4], "big") + 1)
        if first >> 6 != 2 or not 192 <= kind <= 223:
            raise MalformedError("not an RTCP packet")
        if end > size:
            raise MalformedError("RTCP packet longer than its datagram")
        stop = end
        if first & 0x20:
            if end != size or not 4 <= datagram[-1] <= end - at - _HEAD or datagram[-1] % 4:
                raise MalformedError("wrong RTCP padding")
            stop -= datagram[-1]
        yield kind, first & 0x1F, at, stop
        at = end


def rewrite(datagram: bytes, numbers: Renumbering) -> bytes:
    """
    The compound in the numbers of the other party.

    @raise MalformedError: if it is not valid RTCP.
    """
    out = bytearray(datagram)
    for kind, count, start, end in walk(datagram):
        if kind == BYE:
            _mapSources(out, start + _HEAD, count, end, numbers)
        elif kind == DESCRIPTION:
            _rewriteDescription(out, start + _HEAD, count, end, numbers)
        else:
            _need(end - start >= 8)
            _WORD.pack_into(out, start + 4, numbers.outgoing)
            if kind == SENDER_REPORT:
                _rewriteSenderInfo(out, start + 8, end, numbers)
                _rewriteReports(out, start + 28, count, end, numbers)
            elif kind == RECEIVER_REPORT:
                _rewriteReports(out, start + 8, count, end, numbers)
            elif kind in (TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK):
                _need(end - start >= 12)
                _mapReceived(out, start + 8, numbers)
            elif kind == EXTENDED_REPORT:
                _rewriteExtended(out, start + 8, end, numbers)
    return bytes(out)


def _need(condition: bool) -> None:
    if not condition:
        raise MalformedError("RTCP packet shorter than its contents")


def _mapSources(out: bytearray, at: int, count: int, end: int, numbers: Renumbering) -> None:
    """The list of a BYE: the first is its sender, further ones are contributors that we do not rename."""
    _need(at + 4 * count <= end)
    for position in range(at, at + 4 * count, 4):
        if position == at or _WORD.unpack_from(out, position)[0] == numbers.source:
            _WORD.pack_into(out, position, numbers.outgoing)


def _rewriteDescription(out: bytearray, at: int, count: int, end: int, numbers: Renumbering) -> None:
    """Chunks of an SSRC and items (RFC 3550 section 6.5); the first chunk is the sender's."""
    for chunk in range(count):
        _need(at + 8 <= end)
        if chunk == 0 or _WORD.unpack_from(out, at)[0] == numbers.source:
            _WORD.pack_into(out, at, numbers.outgoing)
        item = at + 4
        while item < end and out[item]:
            _need(item + 2 <= end)
            item += 2 + out[item + 1]
        # At least one null byte ends the list, then the chunk is filled up to a whole word.
        _need(item < end)
        at = at + 4 * ((item - at) // 4 + 1)


def _rewriteSenderInfo(out: bytearray, at: int, end: int, numbers: Renumbering) -> None:
    """Timestamp and counts follow what we sent; the wall clock stays, so that round trips come out right."""
    _need(at + 20 <= end)
    stamp = (_WORD.unpack_from(out, at + 8)[0] + numbers.timestampShift) & 0xFFFFFFFF
    _SENDER_COUNTS.pack_into(out, at + 8, stamp, numbers.packets & 0xFFFFFFFF, numbers.octets & 0xFFFFFFFF)


def _rewriteReports(out: bytearray, at: int, count: int, end: int, numbers: Renumbering) -> None:
    """Report blocks that name our stream are about the other party's."""
    _need(at + _REPORT_BLOCK * count <= end)
    for block in range(at, at + _REPORT_BLOCK * count, _REPORT_BLOCK):
        if _mapReceived(out, block, numbers):
            highest = _WORD.unpack_from(out, block + 8)[0]
            _WORD.pack_into(out, block + 8, (highest - numbers.sequenceShift) & 0xFFFFFFFF)


def _rewriteExtended(out: bytearray, at: int, end: int, numbers: Renumbering) -> None:
    while at < end:
        kind = out[at]
        stop = at + 4 * (int.from_bytes(out[at + 2 : at + 4], "big") + 1)
        _need(stop <= end)
        if kind in _XR_ABOUT_SOURCE:
            _need(at + 8 <= stop)
            _mapReceived(out, at + 4, numbers)
        elif kind == _XR_DLRR:
            for block in range(at + 4, stop - 11, 12):
                _mapReceived(out, block, numbers)
        at = stop


def _mapReceived(out: bytearray, at: int, numbers: Renumbering) -> bool:
    """Rename our stream to what its source calls it.  What we do not know is left alone."""
    if numbers.original is None or _WORD.unpack_from(out, at)[0] != numbers.received:
        return False
    _WORD.pack_into(out, at, numbers.original)
    return True
