# -*- test-case-name: ichatgw.test.sdp.test_sdp -*-
"""
SDP text to values and back (RFC 8866, offer/answer RFC 3264).  Pure.

Reads what real clients send, iChat's odd lines among it (C{a=fmtp:AAC ...}, C{a=RTCP:}, bare line feeds); writes the
few lines that a relayed audio call needs.
"""

from __future__ import annotations

from ichatgw.sdp.formats import (
    Match,
    answerCodecs,
    asOffered,
    commonCodecs,
    distinct,
    eventful,
    makeable,
    match,
    withEvents,
    withMore,
)
from ichatgw.sdp.reading import MAX_FORMATS, MAX_LINES, parse
from ichatgw.sdp.values import PLAIN, MediaLine, Origin, ParsedSDP, Stream
from ichatgw.sdp.writing import ORIGIN_USER, writeAnswer, writeOffer

__all__ = [
    "MAX_FORMATS",
    "MAX_LINES",
    "ORIGIN_USER",
    "PLAIN",
    "Match",
    "MediaLine",
    "Origin",
    "ParsedSDP",
    "Stream",
    "answerCodecs",
    "asOffered",
    "commonCodecs",
    "distinct",
    "eventful",
    "makeable",
    "match",
    "parse",
    "withEvents",
    "withMore",
    "writeAnswer",
    "writeOffer",
]
