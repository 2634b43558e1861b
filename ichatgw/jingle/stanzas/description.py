# -*- test-case-name: ichatgw.test.jingle.stanzas.test_description,ichatgw.test.gateway.test_offer_contract -*-
# mypy: allow-untyped-calls
"""
C{<description/>} of Jingle RTP sessions (XEP-0167): which formats a party speaks.

What a relay of audio has no use for is passed over and never repeated in an answer, which says that it is not
supported: rtcp-fb (XEP-0293), rtp-hdrext (XEP-0294), sources (XEP-0339).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.formats import ALL_EVENTS, CARRIERS, EVENTS, STATIC, registered
from ichatgw.jingle.stanzas.namespaces import NS_RTP
from ichatgw.jingle.stanzas.xml import child, children, number, readable, word, wordOr
from ichatgw.model import Codec, CryptoKey, Direction, Packing, SessionDescription, packetTime

# Who may send in a content, by XEP-0166 section 7.3, is told as a direction seen from a party: from the initiator ...
_BY_INITIATOR = {
    "both": Direction.SENDRECV,
    "initiator": Direction.SENDONLY,
    "responder": Direction.RECVONLY,
    "none": Direction.INACTIVE,
}
SENDERS = frozenset(_BY_INITIATOR)
_TO_SENDERS = {direction: senders for senders, direction in _BY_INITIATOR.items()}

MAX_PARAMETERS_LENGTH = 500
"""Of one format: they go on to the other party, whose datagrams have no room for more."""

_NAME = re.compile(r"[!-.0-~]{1,64}\Z")

#: What Chromium, Firefox and others say of telephone events, and what everybody takes for granted (RFC 4733).
_ALL_EVENTS = frozenset({"0-15", "0-16", "events=0-15", "events=0-16", ""})


def directionOf(senders: str, isInitiator: bool) -> Direction:
    """
    What C{senders} says of the initiator, or else of the responder.

    @raise MalformedError: if there is no such word.
    """
    direction = _BY_INITIATOR.get(senders or "both")
    if direction is None:
        raise MalformedError("bad senders")
    return direction if isInitiator else direction.mirrored


def sendersOf(direction: Direction, isInitiator: bool) -> str:
    """The word for the direction in which the initiator, or else the responder, lets media flow."""
    return _TO_SENDERS[direction if isInitiator else direction.mirrored]


def readCodecs(description: Element) -> tuple[Codec, ...]:
    """The formats in their order, the first of those that share a number; what is none is left out."""
    codecs: dict[int, Codec] = {}
    for codec in readable(_readCodec, children(description, NS_RTP, "payload-type")):
        codecs.setdefault(codec.payloadType, codec)
    return tuple(codecs.values())


def _readCodec(element: Element) -> Codec | None:
    payloadType = number(element, "id", 127)
    name, clockRate, channels = STATIC.get(payloadType, ("", 0, 1))
    name = word(element, "name", "") or name
    clockRate = number(element, "clockrate", 1_000_000, clockRate)
    channels = number(element, "channels", 16, channels) or 1
    if not name or not clockRate:
        return None  # a static number that is not in use
    if _NAME.match(name) is None:
        raise MalformedError("bad name of a payload type")
    if name.lower() in CARRIERS:
        return None
    parameters = _readParameters(element, name)
    name, clockRate, channels = registered(name, clockRate, channels)
    return Codec(name, clockRate, payloadType, channels, parameters)


def _readParameters(element: Element, name: str) -> str:
    """
    As in C{a=fmtp}.  stanza.js writes C{0-15} as a name without a value, others as a value without a name.  One that
    cannot be read is left out.

    @raise MalformedError: if they are longer than any honest ones.
    """
    parts = []
    for key, value in readable(_readParameter, children(element, NS_RTP, "parameter")):
        if key or value:
            parts.append(f"{key}={value}" if key and value else key or value)
    text = ";".join(parts)
    if len(text) > MAX_PARAMETERS_LENGTH:
        raise MalformedError("too many parameters of a payload type")
    if name.lower() == EVENTS:
        text = text.removeprefix("events=")
        return ALL_EVENTS if text in _ALL_EVENTS else text
    return text


def readPacking(description: Element) -> Packing:
    """
    What the formats say of the length of packets, as one description of SDP would (XEP-0167 section 6): the first that
    names a usual one, and the least that any allows.
    """
    usual, most = [], []
    for element in children(description, NS_RTP, "payload-type"):
        usual.append(packetTime(wordOr(element, "ptime", "")))
        most.append(packetTime(wordOr(element, "maxptime", "")))
    return Packing(next(filter(None, usual), None), min(filter(None, most), default=None))


def _readParameter(parameter: Element) -> tuple[str, str]:
    """
    Name and value.

    @raise MalformedError: if it cannot stand in a line of SDP.
    """
    return word(parameter, "name", "").strip(), word(parameter, "value", "").strip()


def offersKeys(description: Element) -> bool:
    """Does it want media to be protected by keys in the signalling (XEP-0167 section 7), be they readable or not?"""
    encryption = child(description, NS_RTP, "encryption")
    return encryption is not None and child(encryption, NS_RTP, "crypto") is not None


def readKeys(description: Element) -> tuple[CryptoKey, ...]:
    """The keys of SDES (XEP-0167 section 7); one that cannot be read is left out."""
    encryption = child(description, NS_RTP, "encryption")
    return () if encryption is None else tuple(readable(_readKey, children(encryption, NS_RTP, "crypto")))


def _readKey(crypto: Element) -> CryptoKey:
    """@raise MalformedError: if something is missing."""
    return CryptoKey(
        word(crypto, "tag"),
        word(crypto, "crypto-suite"),
        word(crypto, "key-params"),
        word(crypto, "session-params", ""),
    )


def isMuxed(description: Element) -> bool:
    """RTP and RTCP on one port (RFC 5761)?"""
    return child(description, NS_RTP, "rtcp-mux") is not None


def writeDescription(
    media: SessionDescription,
    keys: Iterable[CryptoKey] = (),
    keysRequired: bool = False,
    muxed: bool = True,
    kind: str = "audio",
) -> Element:
    """
    @param keys: those of SDES; there is none with DTLS.
    @param keysRequired: nothing but SRTP will do.
    @param kind: C{audio} or C{video}.
    """
    description = Element((NS_RTP, "description"))
    description["media"] = kind
    for codec in media.codecs:
        element = _addCodec(description, codec)
        if not codec.isEvent:
            _addPacking(element, media.packing)
    encryption = None
    for key in keys:
        if encryption is None:
            encryption = description.addElement("encryption")
            if keysRequired:
                encryption["required"] = "1"
        crypto = encryption.addElement("crypto")
        crypto["tag"], crypto["crypto-suite"], crypto["key-params"] = key.tag, key.suite, key.parameters
        if key.session:
            crypto["session-params"] = key.session
    if muxed:
        description.addElement("rtcp-mux")
    return description


def _addPacking(element: Element, packing: Packing) -> None:
    for name, milliseconds in (("ptime", packing.usual), ("maxptime", packing.most)):
        if milliseconds is not None:
            element[name] = str(milliseconds)


def _addCodec(description: Element, codec: Codec) -> Element:
    element: Element = description.addElement("payload-type")
    element["id"], element["name"], element["clockrate"] = str(codec.payloadType), codec.name, str(codec.clockRate)
    if codec.channels > 1:
        element["channels"] = str(codec.channels)
    parameters = codec.parameters.strip()
    if codec.isEvent:
        if parameters in _ALL_EVENTS:
            return element
        parameters = f"events={parameters}"  # a name that the specification of the mapping to SDP gives it
    for part in parameters.split(";"):
        key, equals, value = part.strip().partition("=")
        # Conversations throws at white space, and some readers at an absent attribute.
        if key and not any(map(str.isspace, key + value)):
            parameter = element.addElement("parameter")
            parameter["name"], parameter["value"] = (key, value) if equals else ("", key)
    return element
