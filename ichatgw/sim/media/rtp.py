# -*- test-case-name: ichatgw.test.sim.test_rtp -*-
"""
RTP and RTCP packets as a phone makes and reads them (RFC 3550).

Written apart from the gateway's own codec, so that the one can prove the other.
"""

from __future__ import annotations

from struct import Struct

from attrs import frozen

from ichatgw.errors import MalformedError

_HEADER = Struct("!BBHII")
_SENDER_REPORT = Struct("!BBHIQIII")
_EVENT = Struct("!BBH")
_CNAME = 1
_SENDER_REPORT_TYPE = 200
_DESCRIPTION_TYPE = 202

KEYS = "0123456789*#ABCD"
"""The keys of a telephone, each at the place of its number (RFC 4733 section 3.2)."""


@frozen
class Packet:
    """One RTP packet without extension and contributing sources."""

    payloadType: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes = b""
    marker: bool = False

    def pack(self) -> bytes:
        """The packet as bytes."""
        second = self.payloadType | (0x80 if self.marker else 0)
        return _HEADER.pack(0x80, second, self.sequence, self.timestamp, self.ssrc) + self.payload

    @classmethod
    def parse(cls, datagram: bytes) -> Packet:
        """
        @raise MalformedError: if it is too short, not version 2, or its lengths contradict each other.
        """
        if len(datagram) < _HEADER.size or datagram[0] >> 6 != 2:
            raise MalformedError("not RTP version 2")
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
        start = _HEADER.size + 4 * (first & 0x0F)
        if first & 0x10:
            if len(datagram) < start + 4:
                raise MalformedError("RTP header extension cut off")
            start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
        end = len(datagram) - (datagram[-1] if first & 0x20 else 0)
        if end < start:
            raise MalformedError("RTP packet shorter than its header says")
        return cls(second & 0x7F, sequence, timestamp, ssrc, datagram[start:end], bool(second & 0x80))


def keyEvent(key: str, duration: int, isEnd: bool) -> bytes:
    """The payload that tells of a pressed key (RFC 4733 section 2.3)."""
    return _EVENT.pack(KEYS.index(key), (0x80 if isEnd else 0) | 10, duration)


def keyOf(payload: bytes) -> str:
    """
    The key that a payload tells of.

    @raise MalformedError: if it is too short, or of another event.
    """
    if len(payload) < _EVENT.size or payload[0] >= len(KEYS):
        raise MalformedError("no event of a key")
    return KEYS[payload[0]]


def isControl(datagram: bytes) -> bool:
    """Is it RTCP rather than RTP (RFC 5761 section 4)?"""
    return len(datagram) > 1 and 192 <= datagram[1] <= 223


def senderReport(ssrc: int, ntpTime: float, timestamp: int, packets: int, octets: int, name: str) -> bytes:
    """A compound of a sender report without report blocks and a description with the canonical name."""
    ntp = int(ntpTime * 2**32) & (2**64 - 1)
    timestamp &= 0xFFFFFFFF
    report = _SENDER_REPORT.pack(0x80, _SENDER_REPORT_TYPE, 6, ssrc, ntp, timestamp, packets, octets)
    text = name.encode("utf-8")[:255]
    chunk = ssrc.to_bytes(4, "big") + bytes((_CNAME, len(text))) + text
    chunk += bytes(4 - len(chunk) % 4)
    return report + bytes((0x81, _DESCRIPTION_TYPE)) + (len(chunk) // 4).to_bytes(2, "big") + chunk


def checkControl(datagram: bytes) -> list[int]:
    """
    The packet types of an RTCP compound.

    @raise MalformedError: if the lengths do not add up or the first is no report (RFC 3550 appendix A.2).
    """
    kinds = []
    at = 0
    while at < len(datagram):
        if len(datagram) - at < 4 or datagram[at] >> 6 != 2:
            raise MalformedError("not an RTCP packet")
        kinds.append(datagram[at + 1])
        at += 4 + 4 * int.from_bytes(datagram[at + 2 : at + 4], "big")
    if at != len(datagram) or not kinds or kinds[0] not in (200, 201):
        raise MalformedError("not an RTCP compound")
    return kinds
