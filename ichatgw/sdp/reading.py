# -*- test-case-name: ichatgw.test.test_sdp -*-
"""
SDP text to values.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

from ichatgw.errors import MalformedError, NoCommonCodec
from ichatgw.formats import CARRIERS
from ichatgw.model import Codec, Direction, Packing, SessionDescription, TransportAddress, packetTime
from ichatgw.sdp.security import readTransport
from ichatgw.sdp.values import MediaLine, ParsedSDP, Stream

MAX_LINES = 500
"""More lines than any honest audio description has."""

MAX_FORMATS = 128
"""As many as there are RTP payload types."""

PROTOCOLS = frozenset({"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"})
"""The profiles of RTP that we know (RFC 3551, RFC 4585, RFC 3711, RFC 5124, RFC 5764)."""

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


def parse(text: str) -> ParsedSDP:
    """
    @raise MalformedError: if this is no SDP, or names an address that is no IP literal of a host.
    @raise NoCommonCodec: if it is SDP, and holds no audio stream over RTP that is switched on.
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
    streams = []
    for index, (stream, attributes) in enumerate(media):
        protocol = stream.protocol.upper()
        if stream.kind == "audio" and stream.port and protocol in PROTOCOLS:
            transport = readTransport(_values(session), _values(attributes))
            streams.append(Stream(index, protocol, _describe(stream, session, attributes), transport))
    if not streams:
        raise NoCommonCodec("no audio over RTP in the description")
    return ParsedSDP(mediaLines, tuple(streams), 0, _originUser(session))


def _values(attributes: list[tuple[str, str]]) -> list[str]:
    return [value for kind, value in attributes if kind == "a"]


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
        return SessionDescription(_codecs(line, attributes), None, None, held, _packing(session, attributes))
    return SessionDescription(
        _codecs(line, attributes),
        TransportAddress(address, line.port),
        _rtcp(attributes, address),
        direction,
        _packing(session, attributes),
    )


def _packing(session: list[tuple[str, str]], attributes: list[tuple[str, str]]) -> Packing:
    """RFC 8866 section 6.4; some write it above all media lines."""
    found: dict[str, int] = {}
    for value in (*_values(attributes), *_values(session)):
        name, _, rest = value.partition(":")
        milliseconds = packetTime(rest) if name in ("ptime", "maxptime") else None
        if milliseconds is not None:
            found.setdefault(name, milliseconds)
    return Packing(found.get("ptime"), found.get("maxptime"))


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
            if name.lower() in CARRIERS:
                continue
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
