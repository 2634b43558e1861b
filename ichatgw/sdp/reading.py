# -*- test-case-name: ichatgw.test.sdp.test_sdp,ichatgw.test.sdp.test_sdp_sweep,ichatgw.test.sdp.test_checks -*-
"""
SDP text to values.

A line that cannot be read is left out, and so is what nothing can be made of: the call goes on with the rest.  Nothing
of what is kept can hold a line of its own, for whatever reader, as parts of it go on to other parties.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address

from attrs import define, evolve, field

from ichatgw.errors import MalformedError, NoCommonCodec
from ichatgw.formats import CARRIERS, EVENTS, STATIC, registered
from ichatgw.model import (
    CODECS_KEPT,
    Codec,
    Direction,
    Packing,
    SessionDescription,
    TransportAddress,
    TransportDescription,
    packetTime,
)
from ichatgw.net.literals import MAX_KEPT, READ_BEFORE, ip_address
from ichatgw.sdp.checks import isMismatch
from ichatgw.sdp.security import ATTRIBUTES, readTransport
from ichatgw.sdp.values import PLAIN, MediaLine, ParsedSDP, Stream

MAX_LINES = 500
"""More lines than any honest audio description has."""

MAX_FORMATS = 128
"""As many as there are RTP payload types; more of one line are not looked at."""

MAX_PARAMETERS_LENGTH = 1000
"""Characters of C{a=fmtp}; longer ones are left out."""

DISCARD = 9
"""The port of those who do not know yet where they want media."""

PROTOCOLS = frozenset({"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"})
"""The profiles of RTP that we know (RFC 3551, RFC 4585, RFC 3711, RFC 5124, RFC 5764)."""

_RTPMAP = re.compile(
    r"\s*(\d{1,3})\s+([!-.0-~]{1,64})(?:\s*/\s*([1-9]\d{0,5})(?:\s*/\s*([1-9]\d?))?)?(?:\s.*)?\Z",
    re.ASCII | re.DOTALL,
)
_CLOCKS = {EVENTS: 8000, "opus": 48000}  # RFC 4733 section 7.1, RFC 7587 section 7
"""Those of formats with a number of their own, if C{a=rtpmap} does not say them."""

_FMTP = re.compile(r"\s*(\d{1,3})(?:\s+(.*))?\Z", re.ASCII | re.DOTALL)
_MID = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}", re.ASCII).fullmatch
_ENDS = re.compile(r"\r\n|\n|\r")
# Whatever some reader takes for the end of a line, or of the text.
_UNSAFE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_BYTE_ORDER_MARK = "\u00ef\u00bb\u00bf"  # of UTF-8, if the text was taken for Latin-1
_codec = lru_cache(maxsize=CODECS_KEPT)(Codec)  # the same few come again with each description
_PADDED = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII).fullmatch  # some fill each number up with zeros
_DIRECTIONS = {direction.value: direction for direction in Direction}

_Formats = dict[int, tuple[str, int, int]]
"""Name, clock in Hz and channels, by number."""


@define
class _Level:
    """
    The lines of the session, or below one media line.

    @ivar connections: what C{c=} says, each.
    @ivar attributes: names in lower case and values, of each C{a=}.
    @ivar values: the same by name.
    """

    connections: list[str] = field(factory=list)
    attributes: list[tuple[str, str]] = field(factory=list)
    values: dict[str, list[str]] = field(factory=dict)

    def take(self, kind: str, value: str) -> None:
        if kind == "c":
            self.connections.append(value)
        elif kind == "a":
            name, _, rest = value.partition(":")
            name, rest = name.strip().lower(), rest.strip()
            self.attributes.append((name, rest))
            self.values.setdefault(name, []).append(rest)

    @property
    def lines(self) -> list[str]:
        """The attributes as they would be written."""
        return [f"{name}:{value}" if value else name for name, value in self.attributes]


def parse(text: str, offered: Iterable[Codec] = ()) -> ParsedSDP:
    """
    @param offered: if it is an answer, what was offered: a number that the answer does not explain means there what it
        means in the offer (RFC 3264 section 6.1).
    @raise MalformedError: if this is no SDP.
    @raise NoCommonCodec: if it is SDP, and holds no audio stream over RTP that is switched on and could be used.
    """
    lines = _ENDS.split(text.removeprefix(_BYTE_ORDER_MARK), MAX_LINES)
    isSafe = _UNSAFE.search(text) is None
    if len(lines) > MAX_LINES:
        raise MalformedError("SDP of more than 500 lines")
    session, media, originUser, isSDP = _Level(), list[tuple[MediaLine, _Level]](), "", False
    for line in lines:
        kind, equals, value = (line if isSafe else _UNSAFE.sub("", line)).partition("=")
        kind, value = kind.strip().lower(), value.strip()
        if not equals or len(kind) != 1:
            continue
        isSDP = isSDP or kind in ("v", "m")
        if kind == "m":
            media.append((_mediaLine(value), _Level()))
        elif kind == "o" and not media:
            originUser = originUser or value.partition(" ")[0]
        else:
            (media[-1][1] if media else session).take(kind, value)
    if not isSDP:
        raise MalformedError("not SDP")
    known = STATIC | {codec.payloadType: (codec.name, codec.clockRate, codec.channels) for codec in offered}
    streams = [each for index, (line, own) in enumerate(media) for each in _streams(index, line, session, own, known)]
    if not streams:
        raise NoCommonCodec("no audio over RTP in the description")
    return ParsedSDP(_named(session, media), tuple(streams), 0, originUser)


def _named(session: _Level, media: list[tuple[MediaLine, _Level]]) -> tuple[MediaLine, ...]:
    """The media lines with their names.  One that two have names neither."""
    mids = [next(filter(_MID, own.values.get("mid", ())), "") for _, own in media]
    groups = [value.split() for value in session.values.get("group", ())]
    bundled = {mid for group in groups if group and group[0].upper() == "BUNDLE" for mid in group[1:]}
    return tuple(
        evolve(line, mid=mid, isBundled=mid in bundled) if mid and mids.count(mid) == 1 else line
        for (line, _), mid in zip(media, mids, strict=True)
    )


def _mediaLine(value: str) -> MediaLine:
    """A line of which nothing can be made is one that is off: an answer has to name it all the same."""
    words = value.split(None, 3 + MAX_FORMATS)[: 3 + MAX_FORMATS]
    if not value.isascii():  # an answer repeats them
        words = [word for word in words if word.isascii()]
    kind, portText, protocol, *formats = words + ["audio", "0", "RTP/AVP"][len(words) :]
    port = _number(portText.partition("/")[0])
    return MediaLine(kind.lower(), port or 0, protocol, tuple(formats))


def _streams(index: int, line: MediaLine, session: _Level, own: _Level, known: _Formats) -> list[Stream]:
    """
    What a media line is for us: one stream, or none.

    @param known: see L{_codecs}.
    """
    protocol = line.protocol.upper()
    if line.kind != "audio" or not line.port or protocol not in PROTOCOLS:
        return []
    codecs = _codecs(line, session, own, known)
    places = [_place(each) for each in own.connections + session.connections]
    if not codecs or _isGroup(places[: len(own.connections)] or places):
        return []
    host = next((each for each, _ in places if each is not None), None)
    transport = _transport(session, own)
    if host is not None and transport.ufrag and line.port == DISCARD and ip_address(host).is_unspecified:
        host = None  # no hold: where the party is its checks will tell (RFC 8839 section 4.3.1)
    description = _describe(SessionDescription(codecs), line.port, host, session, own)
    if isMismatch(transport.candidates, description.address):
        transport = evolve(transport, ufrag="", password="", candidates=())
    return [Stream(index, protocol, description, transport)]


def _transport(session: _Level, own: _Level) -> TransportDescription:
    isPlain = ATTRIBUTES.isdisjoint(own.values) and ATTRIBUTES.isdisjoint(session.values)
    return PLAIN if isPlain else readTransport(session.lines, own.lines)


def _isGroup(places: list[tuple[str | None, bool]]) -> bool:
    return any(isGroup for _, isGroup in places)


def _describe(
    plain: SessionDescription, port: int, host: str | None, session: _Level, own: _Level
) -> SessionDescription:
    """
    @param host: C{None} if it is not said, or by a name, which would have to be looked up; the party is where its media
        comes from, then.
    """
    direction = _direction(own) or _direction(session) or Direction.SENDRECV
    if host is not None and ip_address(host).is_unspecified:
        # RFC 3264 section 8.4: the old way to hold.  Nothing may be sent there.
        host = None
        silent = direction in (Direction.RECVONLY, Direction.INACTIVE)
        direction = Direction.INACTIVE if silent else Direction.SENDONLY
    address, rtcp = (None, None) if host is None else (TransportAddress(host, port), _rtcp(own, host))
    return evolve(plain, direction=direction, packing=_packing(session, own), address=address, rtcp=rtcp)


def _packing(session: _Level, own: _Level) -> Packing:
    """RFC 8866 section 6.4; some write it above all media lines."""
    found = []
    for name in ("ptime", "maxptime"):
        texts = [*own.values.get(name, ()), *session.values.get(name, ())]
        found.append(next(filter(None, map(packetTime, texts)), None))
    return Packing(*found)


def _codecs(line: MediaLine, session: _Level, own: _Level, known: _Formats) -> tuple[Codec, ...]:
    """
    Some write of the formats above the media line.

    @param known: what numbers mean that are not explained there.
    """
    maps, parameters = _maps(session) | _maps(own), _parameters(session) | _parameters(own)
    codecs = []
    for number in dict.fromkeys([int(word) for word in line.formats if _isPayloadType(word)]):
        name, rate, channels = maps.get(number) or known.get(number, ("", 0, 1))
        if name and name.lower() not in CARRIERS:
            name, rate, channels = registered(name, rate, channels)
            codecs.append(_codec(name, rate, number, channels, parameters.get(number, "")))
    return tuple(codecs)


def _maps(level: _Level) -> _Formats:
    maps = {}
    for value in level.values.get("rtpmap", ()):
        mapped = _RTPMAP.match(value)
        clockRate = mapped and int(mapped[3] or _CLOCKS.get(mapped[2].lower(), 0))
        if mapped and clockRate:
            maps[int(mapped[1])] = (mapped[2], clockRate, int(mapped[4] or 1))
    return maps


def _parameters(level: _Level) -> dict[int, str]:
    """Those of C{a=fmtp}, by number.  What two lines say of one number is said by both."""
    parameters: dict[int, str] = {}
    for value in level.values.get("fmtp", ()):
        found = _FMTP.match(value)  # iChat writes "AAC" in the place of the number
        text = "" if found is None else (found[2] or "").strip()
        if found is not None and text.isascii():
            before = parameters.get(int(found[1]), "")
            if "=" in before and "=" in text and text != before:
                text = f"{before};{text}"
            if len(text) <= MAX_PARAMETERS_LENGTH:
                parameters[int(found[1])] = text
    return parameters


def _isPayloadType(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 127


def _literal(connection: str) -> str:
    """The address in a C{c=} line, without what may follow a group's; it may be a name."""
    words = connection.split()
    return words[2].partition("/")[0] if len(words) >= 3 and words[0].upper() == "IN" else ""


def _place(connection: str) -> tuple[str | None, bool]:
    """The literal of one host, if it is one; and whether it names many (multicast), where media must not be sent."""
    text = _literal(connection)
    try:
        host, isGroup = _meant(text)
    except ValueError:
        return None, False
    return (None if isGroup or "%" in text else host), isGroup


def _hostOf(text: str) -> str | None:
    try:
        host, isGroup = _meant(text)
    except ValueError:
        return None
    return None if isGroup or "%" in text else host


def _meant(text: str) -> tuple[str, bool]:
    """
    The host that is meant, and whether it is many.

    @raise ValueError: if it is no address.
    """
    return _meantBefore(text) if len(text) <= MAX_KEPT else _read(text)


def _read(text: str) -> tuple[str, bool]:
    text = text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text  # as in a URI
    address = ip_address(".".join([str(int(part)) for part in text.split(".")]) if _PADDED(text) else text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    plain = mapped or address  # the same host; our sockets of either family keep to their own
    return str(plain), plain.is_multicast or str(plain) == "255.255.255.255"


_meantBefore = lru_cache(maxsize=READ_BEFORE)(_read)


def _rtcp(own: _Level, host: str) -> TransportAddress | None:
    """C{a=rtcp} (RFC 3605).  iChat's C{a=RTCP:AUDIO 16402 VIDEO 16402} is another thing and is passed over."""
    for value in own.values.get("rtcp", ()):
        words = value.split()
        port = _number(words[0]) if words else None
        where = _hostOf(words[3]) if len(words) == 4 else host
        if port is None or where is None:
            continue
        if not port or ip_address(where).is_unspecified:
            return None  # "not known yet" (RFC 8839 section 4.2.2), or nonsense; nothing may be sent there
        return TransportAddress(where, port)
    return None


def _direction(level: _Level) -> Direction | None:
    for name, value in level.attributes:
        if not value and (found := _DIRECTIONS.get(name.lower())) is not None:
            return found
    return None


def _number(text: str) -> int | None:
    """The number of a port, whatever zeros it begins with (RFC 8866 section 9)."""
    digits = text.lstrip("0") or text[-1:]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits) <= 65535):
        return None
    return int(digits)
