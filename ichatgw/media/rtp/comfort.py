# -*- test-case-name: ichatgw.test.media.rtp.test_comfort -*-
"""
What silence is in each format, and how fast the RTP clock of it runs.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from ichatgw.media.rtp.rtp import FRAME_SAMPLES
from ichatgw.model import Codec

_FRAMES_A_SECOND = 50

# The silent frame of GSM 06.10, and of Opus: full band, 20 ms, one channel (RFC 6716).
_GSM = bytes.fromhex("d820a2e15a50004924924924500049249249245000492492492450004924924924")
_OPUS = b"\xf8\xff\xfe"

# Of the companded formats one octet for each sample: G.711's two laws, and what a decoder of G.722 makes next to
# nothing of (it stays within 3 of 32768; the octet that an encoder writes first for zeros, 0xFA, rises to 200).
_OCTETS = {"pcmu": b"\xff", "pcma": b"\xd5", "g722": b"\xff"}

# RFC 3389: as quiet as can be said.
_COMFORT_NOISE = b"\x7f"

LONGEST = 1280
"""Octets of a frame that fits into a datagram."""


@frozen
class Format:
    """
    @ivar payloadType: the receiver's number of it.
    @ivar frame: how far the RTP clock goes in 20 ms.
    @ivar silence: the payload of 20 ms of silence; C{None} if we know none.
    @ivar isKeys: whether it is that of keys which are pressed.
    """

    payloadType: int
    frame: int = FRAME_SAMPLES
    silence: bytes | None = field(default=None, repr=False)
    isKeys: bool = False


def formatOf(codec: Codec) -> Format:
    """What we know of a format."""
    frame = codec.clockRate // _FRAMES_A_SECOND
    return Format(codec.payloadType, frame, _silenceOf(codec.name.lower(), frame, codec.channels), codec.isEvent)


def _silenceOf(name: str, frame: int, channels: int) -> bytes | None:
    octet = _OCTETS.get(name)
    if octet is not None:
        return octet * frame * channels if frame * channels <= LONGEST else None
    return {"opus": _OPUS, "gsm": _GSM, "cn": _COMFORT_NOISE}.get(name)


def preferred(formats: Iterable[Format]) -> Format | None:
    """The one to begin with: the first of which silence can be made, comfort noise only if there is no other."""
    known = [format for format in formats if format.silence is not None]
    real = (format for format in known if format.silence != _COMFORT_NOISE)
    return next(real, known[0] if known else None)
