# -*- test-case-name: ichatgw.test.test_sdp -*-
"""
Which formats two parties have in common.
"""

from __future__ import annotations

from ichatgw.errors import NoCommonCodec
from ichatgw.model import Codec, SessionDescription

# The numbers that most give events.
_EVENT_TYPES = {8000: 101, 48000: 110}


def commonCodecs(ours: tuple[Codec, ...], theirs: SessionDescription) -> tuple[Codec, ...]:
    """
    The codecs that both have, in our order, with their numbers.

    Events come last.  Each party may have them by a clock of its own; they are told by that of the audio, if they can.

    @raise NoCommonCodec: if there is none.
    """
    common = tuple(found for codec in ours if not codec.isEvent and (found := theirs.find(codec)) is not None)
    if not common:
        raise NoCommonCodec(f"no common codec: {_names(ours)} here, {_names(theirs.codecs)} there")
    if not any(codec.isEvent for codec in ours):
        return common
    rates = {codec.clockRate for codec in common}
    events = tuple(codec for codec in theirs.codecs if codec.isEvent)
    return common + (tuple(codec for codec in events if codec.clockRate in rates) or events[:1])


def withEvents(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """
    For an offer: if there are events, then by the clock of each format (RFC 4733 section 2.1), as some who take them
    know them by one clock and some by another.
    """
    known = {codec.clockRate for codec in codecs if codec.isEvent}
    if not known:
        return codecs
    taken = {codec.payloadType for codec in codecs}
    more = []
    for rate in dict.fromkeys(codec.clockRate for codec in codecs if not codec.isEvent):
        if rate not in known:
            free = (number for number in (_EVENT_TYPES.get(rate, 96), *range(96, 128)) if number not in taken)
            number = next(free, None)
            if number is not None:
                taken.add(number)
                more.append(Codec("telephone-event", rate, number, 1, "0-15"))
    return (*codecs, *more)


def _names(codecs: tuple[Codec, ...]) -> str:
    return " ".join(codec.name for codec in codecs)[:60] or "none"
