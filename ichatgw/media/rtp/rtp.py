# -*- test-case-name: ichatgw.test.media.rtp.test_rtp -*-
"""
RTP packets (RFC 3550, RFC 3551), and what else arrives on a port for RTP (RFC 7983, RFC 5761).

Everything here is pure: bytes in, values out.
"""

from __future__ import annotations

from enum import Enum
from struct import Struct

from attrs import frozen

from ichatgw.errors import MalformedError

# One frame of telephone audio: 20 ms at 8000 samples/s.
FRAME_SECONDS = 0.02
FRAME_SAMPLES = 160
# In mu-law, 0xFF is the sample of value zero (ITU-T G.711).
ULAW_SILENCE = b"\xff" * FRAME_SAMPLES

HEADER = Struct("!BBHII")
_EXTENSION = Struct("!HH")
_VERSION = 0x80
_PADDING = 0x20
_EXTENDED = 0x10
_MARKER = 0x80


class Kind(Enum):
    """What a datagram on a media port is, by its first two bytes."""

    RTP = "RTP"
    RTCP = "RTCP"
    STUN = "STUN"
    DTLS = "DTLS"
    OTHER = "neither RTP nor anything else that belongs here"


def _byFirst(first: int) -> Kind:
    if 128 <= first <= 191:
        return Kind.RTP
    if first <= 3:
        return Kind.STUN
    return Kind.DTLS if 20 <= first <= 63 else Kind.OTHER


BY_FIRST = tuple(map(_byFirst, range(256)))
"""What a datagram is, by its first byte (RFC 7983 section 7); RTP may be RTCP as well."""

IS_CONTROL = tuple(192 <= second <= 223 for second in range(256))
"""Is it RTCP and no RTP, by its second byte (RFC 5761 section 4)?"""


def classify(datagram: bytes) -> Kind:
    """Tell apart what shares a port."""
    if not datagram:
        return Kind.OTHER
    kind = BY_FIRST[datagram[0]]
    isControl = kind is Kind.RTP and len(datagram) > 1 and IS_CONTROL[datagram[1]]
    return Kind.RTCP if isControl else kind


@frozen
class RTPPacket:
    """
    One RTP packet; contributing sources and header extensions are read over.

    @ivar payloadType: 0..127.
    """

    payloadType: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes = b""
    marker: bool = False

    @classmethod
    def parse(cls, datagram: bytes) -> RTPPacket:
        """
        RFC 3550 section 5.1, with the checks of appendix A.1 that need no history.

        @raise MalformedError: if it is not version 2, or shorter than it says.
        """
        if len(datagram) < HEADER.size:
            raise MalformedError(f"{len(datagram)} bytes are too few for RTP")
        first, second, sequence, timestamp, ssrc = HEADER.unpack_from(datagram)
        if first & 0xC0 != _VERSION:
            raise MalformedError("not RTP version 2")
        start = HEADER.size + 4 * (first & 0x0F)
        if first & _EXTENDED:
            if len(datagram) < start + _EXTENSION.size:
                raise MalformedError("RTP header extension cut short")
            start += _EXTENSION.size + 4 * _EXTENSION.unpack_from(datagram, start)[1]
        end = len(datagram)
        if first & _PADDING:
            if not 1 <= datagram[-1] <= end - start:
                raise MalformedError("RTP padding longer than the packet")
            end -= datagram[-1]
        if start > end:
            raise MalformedError("RTP header cut short")
        return cls(second & 0x7F, sequence, timestamp, ssrc, bytes(datagram[start:end]), bool(second & _MARKER))

    def pack(self) -> bytes:
        """The packet as it goes on the wire."""
        second = self.payloadType | (_MARKER if self.marker else 0)
        return HEADER.pack(_VERSION, second, self.sequence, self.timestamp, self.ssrc) + self.payload


def silence(payloadType: int, sequence: int, timestamp: int, ssrc: int, payload: bytes = ULAW_SILENCE) -> bytes:
    """A packet with 20 ms of silence, mu-law if not given otherwise."""
    return HEADER.pack(_VERSION, payloadType, sequence, timestamp, ssrc) + payload
