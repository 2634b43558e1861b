# -*- test-case-name: ichatgw.test.sdp.test_sdp,ichatgw.test.sip.dialog.test_midcall -*-
"""
Values to SDP text: offers and answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from ichatgw.model import Codec, SessionDescription, TransportDescription
from ichatgw.sdp.formats import answerCodecs
from ichatgw.sdp.security import writeTransport
from ichatgw.sdp.values import PLAIN, MediaLine, Origin, ParsedSDP

ORIGIN_USER = "iChat-gw"
"""The user name in our C{o=} lines; it tells a call of ours that came back to us."""

_UNNAMED = MediaLine("audio", 0, "RTP/AVP", ())


def writeOffer(
    description: SessionDescription,
    origin: Origin,
    protocol: str = "RTP/AVP",
    transport: TransportDescription = PLAIN,
    lines: Sequence[MediaLine] = (),
    place: int = 0,
) -> str:
    """
    @param description: what we offer, at our own C{address}, which must be set.
    @param transport: how it is protected, or may be.
    @param lines: all media lines of the session, if it has any yet: none may go away (RFC 3264 section 8).
    @param place: which of them is the audio.
    @return: SDP with C{CRLF} line ends.
    """
    own = lines[place] if lines else _UNNAMED
    head = _head(description, origin, transport, own)
    audio = _audio(description, description.codecs, protocol, transport, own)
    media = [audio if index == place else _off(line) for index, line in enumerate(lines)] or [audio]
    return head + "".join(media)


def writeAnswer(
    description: SessionDescription,
    origin: Origin,
    offer: ParsedSDP,
    transport: TransportDescription = PLAIN,
    isMatched: bool = False,
) -> str:
    """
    @param description: what we answer, at our own C{address}; its codecs are renumbered as the offer has them.
    @param offer: with the stream chosen that is answered.
    @param transport: how it is protected.
    @param isMatched: L{ichatgw.sdp.formats.match} has been asked for these codecs already.
    @return: SDP that names every media line of the offer, all but the chosen one refused.  Of a group of lines whose
        media may go one way the chosen one is left (RFC 9143 section 7.3).
    @raise NoCommonCodec: if the offer has none of the codecs.
    """
    codecs = description.codecs if isMatched else answerCodecs(description.codecs, offer.description)
    parts = [_head(description, origin, transport, offer.lines[offer.chosen])]
    for index, line in enumerate(offer.lines):
        if index == offer.chosen:
            parts.append(_audio(description, codecs, line.protocol, transport, line))
        else:
            parts.append(_off(line))
    return "".join(parts)


def _off(line: MediaLine) -> str:
    formats = " ".join(line.formats) or "0"  # one at least (RFC 8866)
    return f"m={line.kind} 0 {line.protocol} {formats}\r\n{_name(line)}"


def _name(line: MediaLine) -> str:
    return f"a=mid:{line.mid}\r\n" if line.mid else ""


def _head(description: SessionDescription, origin: Origin, transport: TransportDescription, audio: MediaLine) -> str:
    address = description.address
    if address is None:
        raise ValueError("a description of ours without an address")
    where = f"{'IP6' if address.isIPv6 else 'IP4'} {address.host}"
    lite = "a=ice-lite\r\n" if transport.ufrag else ""
    group = f"a=group:BUNDLE {audio.mid}\r\n" if audio.isBundled else ""
    o = f"o={ORIGIN_USER}{origin.written}{where}"
    return f"v=0\r\n{o}\r\ns=-\r\nc=IN {where}\r\nt=0 0\r\n{group}{lite}"


def _audio(
    description: SessionDescription,
    codecs: tuple[Codec, ...],
    protocol: str,
    transport: TransportDescription,
    line: MediaLine,
) -> str:
    assert description.address is not None  # _head has looked
    parts = [f"m=audio {description.address.port} {protocol} {' '.join([str(c.payloadType) for c in codecs])}\r\n"]
    for codec in codecs:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        parts.append(f"a=rtpmap:{codec.payloadType} {codec.name}/{codec.clockRate}{channels}\r\n")
        if codec.parameters:
            parts.append(f"a=fmtp:{codec.payloadType} {codec.parameters}\r\n")
    if description.rtcp is not None:
        parts.append(f"a=rtcp:{description.rtcp.port}\r\n")
    for name, milliseconds in (("ptime", description.packing.usual), ("maxptime", description.packing.most)):
        if milliseconds is not None:
            parts.append(f"a={name}:{milliseconds}\r\n")
    parts.append(_name(line))
    parts.append(f"a={description.direction.value}\r\n")
    parts.append(writeTransport(transport, description.address))
    return "".join(parts)
