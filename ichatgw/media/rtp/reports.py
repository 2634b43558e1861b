# -*- test-case-name: ichatgw.test.media.rtp.test_reports -*-
"""
What parties say by RTCP of how they hear (RFC 3550 section 6.4).
"""

from __future__ import annotations

from struct import Struct

from attrs import frozen

from ichatgw.errors import MalformedError
from ichatgw.media.rtp.rtcp import RECEIVER_REPORT, SENDER_REPORT, walk

UNIT = 1 / 65536
"""Seconds of the unit in which times of reports are told."""

_BLOCK = Struct("!IIIIII")
_SENDER_INFO = 20
_HEAD = 8
_LOST_SIGN = 1 << 23


@frozen
class Report:
    """
    What a party says of a stream that it receives.

    @ivar ssrc: which.
    @ivar fraction: of the packets since its last report, 0..1, that were lost.
    @ivar lost: packets since the beginning; less than 0 if some came twice.
    @ivar jitter: in units of the RTP clock.
    @ivar lastReport: the middle of the NTP timestamp of the latest sender report that it has heard; 0 for none.
    @ivar delay: seconds since then.
    """

    ssrc: int
    fraction: float
    lost: int
    highest: int
    jitter: int
    lastReport: int
    delay: float


@frozen
class Reports:
    """
    A compound packet.

    @ivar sent: the middle of the NTP timestamp, if its sender sends; else C{None}.
    @ivar packets: how many packets it says that it has sent.
    @ivar octets: how many octets of payload.
    @ivar heard: what it says of others' streams.
    """

    sent: int | None = None
    packets: int = 0
    octets: int = 0
    heard: tuple[Report, ...] = ()


def readReports(datagram: bytes) -> Reports:
    """
    @raise MalformedError: if it is not valid RTCP.
    """
    sent, packets, octets = None, 0, 0
    heard: list[Report] = []
    for kind, count, start, end in walk(datagram):
        at = start + _HEAD
        if kind == SENDER_REPORT:
            if at + _SENDER_INFO > end:
                raise MalformedError("sender report without its sender")
            sent = int.from_bytes(datagram[at + 2 : at + 6], "big")
            packets = int.from_bytes(datagram[at + 12 : at + 16], "big")
            octets = int.from_bytes(datagram[at + 16 : at + 20], "big")
            at += _SENDER_INFO
        elif kind != RECEIVER_REPORT:
            continue
        if at + _BLOCK.size * count > end:
            raise MalformedError("report without its blocks")
        heard += (_report(datagram, at + _BLOCK.size * number) for number in range(count))
    return Reports(sent, packets, octets, tuple(heard))


def _report(datagram: bytes, at: int) -> Report:
    ssrc, loss, highest, jitter, lastReport, delay = _BLOCK.unpack_from(datagram, at)
    lost = loss & 0xFFFFFF
    if lost >= _LOST_SIGN:
        lost -= 2 * _LOST_SIGN
    return Report(ssrc, (loss >> 24) / 256, lost, highest, jitter, lastReport, delay * UNIT)
