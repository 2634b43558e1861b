# -*- test-case-name: ichatgw.test.test_sdp -*-
"""
SDP text to values and back (RFC 8866, offer/answer RFC 3264).  Pure.

Reads what real clients send, iChat's odd lines among it (C{a=fmtp:AAC ...}, C{a=RTCP:}, bare line feeds); writes the
few lines that a relayed audio call needs.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

from attrs import frozen

from ichatgw.errors import MalformedError, NoCommonCodec
from ichatgw.model import Codec, Direction, SessionDescription, TransportAddress

MAX_LINES = 500
"""More lines than any honest audio description has."""

MAX_FORMATS = 128
"""As many as there are RTP payload types."""

ORIGIN_USER = "iChat-gw"
"""The user name in our C{o=} lines; it tells a call of ours that came back to us."""

# RFC 3551 section 6, the formats that may come without an rtpmap.
_STATIC = {
    0: ("PCMU", 8000),
    3: ("GSM", 8000),
    4: ("G723", 8000),
    8: ("PCMA", 8000),
    9: ("G722", 8000),
    12: ("QCELP", 8000),
    13: ("CN", 8000),
    15: ("G728", 8000),
    18: ("G729", 8000),
}
_RTPMAP = re.compile(r"(\d{1,3})\s+([!-.0-~]{1,64})/([1-9]\d{0,5})(?:/([1-9]\d?))?\s*$", re.ASCII)
# A reader that takes one of these for the end of a line would let one party write lines of SDP to the other.
_UNSAFE = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?![\r\n]|\Z)")
_DIRECTIONS = {direction.value: direction for direction in Direction}


@frozen
class MediaLine:
    """
    An C{m=} line as it stands, kept because an answer has to name every one of them (X29: with its formats).

    @ivar port: 0 means the offerer has switched it off.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]


@frozen
class ParsedSDP:
    """
    What a party sent.

    @ivar description: its first usable audio stream.
    @ivar lines: every media line, in order.
    @ivar chosen: the index of the audio line in C{lines}.
    @ivar originUser: the user name of C{o=}.
    """

    description: SessionDescription
    lines: tuple[MediaLine, ...]
    chosen: int
    originUser: str = ""


@frozen
class Origin:
    """
    The identity of our description within one dialog (RFC 8866 section 5.2).

    @ivar sessionId: stays the same for the life of the dialog (X30).
    @ivar version: one more at each change.
    """

    sessionId: int
    version: int = 1


def parse(text: str) -> ParsedSDP:
    """
    @raise MalformedError: if this is no SDP, or names an address that is no IP literal of a host.
    @raise NoCommonCodec: if it is SDP, and holds no audio stream over plain RTP that is switched on.
    """
    if _UNSAFE.search(text):
        raise MalformedError("control characters in SDP")
    lines = text.split("\n", MAX_LINES)
    if len(lines) > MAX_LINES:
        raise MalformedError("SDP of more than 500 lines")
    session: list[tuple[str, str]] = []
    media: list[tuple[MediaLine, list[tuple[str, str]]]] = []
    for line in lines:
        if not line.strip():
            continue
        kind, equals, value = line.partition("=")
        if not equals or len(kind) != 1:
            raise MalformedError("not an SDP line")
        value = value.strip()
        if kind == "m":
            media.append((_mediaLine(value), []))
        else:
            (media[-1][1] if media else session).append((kind, value))
    if not session or session[0][0] != "v":
        raise MalformedError("SDP without v=")
    mediaLines = tuple(line for line, _ in media)
    for index, (stream, attributes) in enumerate(media):
        if stream.kind == "audio" and stream.port and stream.protocol.upper() == "RTP/AVP":
            return ParsedSDP(_describe(stream, session, attributes), mediaLines, index, _originUser(session))
    raise NoCommonCodec("no audio over RTP/AVP in the description")


def writeOffer(description: SessionDescription, origin: Origin) -> str:
    """
    @param description: what we offer, at our own C{address}, which must be set.
    @return: SDP with C{CRLF} line ends.
    """
    return _head(description, origin) + _audio(description, description.codecs)


def writeAnswer(description: SessionDescription, origin: Origin, offer: ParsedSDP) -> str:
    """
    @param description: what we answer, at our own C{address}; its codecs are renumbered as the offer has them.
    @return: SDP that names every media line of the offer, all but the chosen one refused.
    @raise NoCommonCodec: if the offer has none of the codecs.
    """
    codecs = commonCodecs(description.codecs, offer.description)
    parts = [_head(description, origin)]
    for index, line in enumerate(offer.lines):
        if index == offer.chosen:
            parts.append(_audio(description, codecs))
        else:
            parts.append(f"m={line.kind} 0 {line.protocol} {' '.join(line.formats)}\r\n")
    return "".join(parts)


def commonCodecs(ours: tuple[Codec, ...], theirs: SessionDescription) -> tuple[Codec, ...]:
    """
    The codecs that both have, in our order, with their numbers.

    @raise NoCommonCodec: if there is none.
    """
    common = tuple(found for codec in ours if (found := theirs.find(codec)) is not None)
    if not common:
        raise NoCommonCodec(f"no common codec: {_names(ours)} here, {_names(theirs.codecs)} there")
    return common


def _names(codecs: tuple[Codec, ...]) -> str:
    return " ".join(codec.name for codec in codecs)[:60] or "none"


def _mediaLine(value: str) -> MediaLine:
    words = value.split(None, 3 + MAX_FORMATS)
    if not 4 <= len(words) <= 3 + MAX_FORMATS or not value.isascii():  # an answer repeats them
        raise MalformedError("bad m= line")
    kind, portText, protocol = words[:3]
    port = _number(portText.partition("/")[0], 65535, "port")
    return MediaLine(kind.lower(), port, protocol, tuple(words[3:]))


def _describe(line: MediaLine, session: list[tuple[str, str]], attributes: list[tuple[str, str]]) -> SessionDescription:
    address = _connection(attributes) or _connection(session)
    if address is None:
        raise MalformedError("no c= line for the audio stream")
    direction = _direction(session) or Direction.SENDRECV
    direction = _direction(attributes) or direction
    if ip_address(address).is_unspecified:
        # RFC 3264 section 8.4: the old way to hold.  Nothing may be sent there.
        silent = direction in (Direction.RECVONLY, Direction.INACTIVE)
        held = Direction.INACTIVE if silent else Direction.SENDONLY
        return SessionDescription(_codecs(line, attributes), None, None, held)
    return SessionDescription(
        _codecs(line, attributes), TransportAddress(address, line.port), _rtcp(attributes, address), direction
    )


def _codecs(line: MediaLine, attributes: list[tuple[str, str]]) -> tuple[Codec, ...]:
    maps: dict[int, tuple[str, int, int]] = {}
    parameters: dict[int, str] = {}
    for kind, value in attributes:
        if kind != "a":
            continue
        name, _, rest = value.partition(":")
        if name == "rtpmap" and (found := _RTPMAP.match(rest)):
            maps[int(found[1])] = (found[2], int(found[3]), int(found[4] or 1))
        elif name == "fmtp":
            payload, _, text = rest.partition(" ")
            if _isPayloadType(payload):  # iChat writes "AAC" here
                if not text.isascii():  # the other party gets it as it is
                    raise MalformedError("bad a=fmtp")
                parameters[int(payload)] = text.strip()
    codecs = []
    if not all(map(_isPayloadType, line.formats)):
        raise MalformedError("payload type out of range")
    for number in dict.fromkeys(map(int, line.formats)):
        if number in maps:
            name, rate, channels = maps[number]
            codecs.append(Codec(name, rate, number, channels, parameters.get(number, "")))
        elif number in _STATIC:
            name, rate = _STATIC[number]
            codecs.append(Codec(name, rate, number, 1, parameters.get(number, "")))
    return tuple(codecs)


def _isPayloadType(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 127


def _connection(attributes: list[tuple[str, str]]) -> str | None:
    for kind, value in attributes:
        if kind == "c":
            words = value.split()
            if len(words) != 3 or words[0].upper() != "IN":
                raise MalformedError("bad c= line")
            return _host(words[2])
    return None


def _host(text: str) -> str:
    """Only the literal of one host: a name would have to be looked up, a group must not be sent to."""
    try:
        address = ip_address(text)
    except ValueError:
        raise MalformedError("not an IP address in SDP") from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # the same host; our sockets of either family keep to their own
    if address.is_multicast or str(address) == "255.255.255.255" or "%" in text:
        raise MalformedError("not the address of a host in SDP")
    return str(address)


def _rtcp(attributes: list[tuple[str, str]], host: str) -> TransportAddress | None:
    """C{a=rtcp} (RFC 3605).  iChat's C{a=RTCP:AUDIO 16402 VIDEO 16402} is another thing and is passed over."""
    for kind, value in attributes:
        if kind == "a" and value.startswith("rtcp:"):
            words = value[5:].split()
            if not words:
                raise MalformedError("empty a=rtcp")
            port = _number(words[0], 65535, "rtcp port")
            where = _host(words[3]) if len(words) == 4 else host
            if not port or ip_address(where).is_unspecified:
                return None  # "not known yet" (RFC 8839 section 4.2.2), or nonsense; nothing may be sent there
            return TransportAddress(where, port)
    return None


def _direction(attributes: list[tuple[str, str]]) -> Direction | None:
    return next((_DIRECTIONS[value] for kind, value in attributes if kind == "a" and value in _DIRECTIONS), None)


def _originUser(session: list[tuple[str, str]]) -> str:
    return next((value.split(" ", 1)[0] for kind, value in session if kind == "o"), "")


def _number(text: str, maximum: int, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= maximum):
        raise MalformedError(f"bad {what} in SDP")
    return int(text)


def _head(description: SessionDescription, origin: Origin) -> str:
    address = description.address
    if address is None:
        raise ValueError("a description of ours without an address")
    where = f"IN {'IP6' if address.isIPv6 else 'IP4'} {address.host}"
    return f"v=0\r\no={ORIGIN_USER} {origin.sessionId} {origin.version} {where}\r\ns=-\r\nc={where}\r\nt=0 0\r\n"


def _audio(description: SessionDescription, codecs: tuple[Codec, ...]) -> str:
    assert description.address is not None  # _head has looked
    parts = [f"m=audio {description.address.port} RTP/AVP {' '.join(str(c.payloadType) for c in codecs)}\r\n"]
    for codec in codecs:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        parts.append(f"a=rtpmap:{codec.payloadType} {codec.name}/{codec.clockRate}{channels}\r\n")
        if codec.parameters:
            parts.append(f"a=fmtp:{codec.payloadType} {codec.parameters}\r\n")
    if description.rtcp is not None:
        parts.append(f"a=rtcp:{description.rtcp.port}\r\n")
    parts.append(f"a={description.direction.value}\r\n")
    return "".join(parts)
