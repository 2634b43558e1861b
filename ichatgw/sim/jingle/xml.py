# -*- test-case-name: ichatgw.test.sim.jingle.test_client -*-
"""
Jingle as a client writes and reads it: descriptions and transports (XEP-0167, XEP-0176, XEP-0177, XEP-0320).

Written apart from the gateway's own codec, so that the one can prove the other.
"""

from __future__ import annotations

from attrs import evolve, field, frozen
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.model import Candidate, Codec, CryptoKey, Fingerprint, Setup, TransportAddress, TransportDescription
from ichatgw.sim.xmpp import xml

JINGLE = "urn:xmpp:jingle:1"
JINGLE_ERRORS = "urn:xmpp:jingle:errors:1"
RTP = "urn:xmpp:jingle:apps:rtp:1"
RTP_AUDIO = "urn:xmpp:jingle:apps:rtp:audio"
RTP_VIDEO = "urn:xmpp:jingle:apps:rtp:video"
RTP_INFO = "urn:xmpp:jingle:apps:rtp:info:1"
ICE_UDP = "urn:xmpp:jingle:transports:ice-udp:1"
RAW_UDP = "urn:xmpp:jingle:transports:raw-udp:1"
DTLS = "urn:xmpp:jingle:apps:dtls:0"
DTMF = "urn:xmpp:jingle:dtmf:0"
GROUPING = "urn:xmpp:jingle:apps:grouping:0"
MESSAGE = "urn:xmpp:jingle-message:0"
HINTS = "urn:xmpp:hints"
RECEIPTS = "urn:xmpp:receipts"

WORDS = ("propose", "ringing", "proceed", "accept", "reject", "retract", "finish")


@frozen
class Content:
    """
    The one content of a call.

    @ivar codecs: the formats in the writer's order.
    @ivar transport: how the writer can be reached; its keys are those of SDES.
    @ivar kind: the namespace of the transport.
    """

    name: str
    creator: str = "initiator"
    senders: str = ""
    media: str = "audio"
    codecs: tuple[Codec, ...] = ()
    transport: TransportDescription = field(factory=TransportDescription)
    kind: str = ""

    @classmethod
    def parse(cls, content: Element) -> Content:
        """
        @raise MalformedError: if something is missing that a client cannot do without.
        """
        codecs: tuple[Codec, ...] = ()
        keys: tuple[CryptoKey, ...] = ()
        description = xml.child(content, "description", RTP)
        if description is not None:
            codecs = tuple(_codec(each) for each in xml.children(description) if each.name == "payload-type")
            keys = _keys(description)
        transport = TransportDescription(keys=keys)
        element = xml.child(content, "transport")
        if element is not None:
            transport = evolve(parseTransport(element), keys=keys)
            if description is not None:
                transport = evolve(transport, muxed=xml.child(description, "rtcp-mux") is not None)
        return cls(
            _need(content, "name"),
            _need(content, "creator"),
            xml.get(content, "senders"),
            "" if description is None else xml.get(description, "media"),
            codecs,
            transport,
            "" if element is None else str(element.uri),
        )

    def find(self, name: str, clockRate: int) -> Codec | None:
        """The format of that name, if there is one."""
        found = (each for each in self.codecs if (each.name.upper(), each.clockRate) == (name.upper(), clockRate))
        return next(found, None)


def parseTransport(element: Element) -> TransportDescription:
    """
    @raise MalformedError: if something in it cannot be read.
    """
    fingerprint, setup = None, None
    found = xml.child(element, "fingerprint", DTLS)
    if found is not None:
        try:
            setup = Setup(_need(found, "setup"))
        except ValueError:
            raise MalformedError(f"setup {xml.get(found, 'setup')!r}") from None
        fingerprint = Fingerprint(_need(found, "hash"), xml.text(found).strip())
    candidates = tuple(_candidate(each) for each in xml.children(element) if each.name == "candidate")
    return TransportDescription(
        xml.get(element, "ufrag"), xml.get(element, "pwd"), candidates, fingerprint, setup, muxed=True
    )


def _candidate(element: Element) -> Candidate:
    try:
        return Candidate(
            xml.get(element, "foundation"),
            int(_need(element, "component")),
            int(xml.get(element, "priority") or 0),
            TransportAddress(_need(element, "ip"), int(_need(element, "port"))),
            xml.get(element, "protocol") or "udp",
            xml.get(element, "type") or "host",
        )
    except ValueError as error:
        raise MalformedError(f"candidate: {error}") from error


def _codec(element: Element) -> Codec:
    try:
        return Codec(
            _need(element, "name"),
            int(_need(element, "clockrate")),
            int(_need(element, "id")),
            int(xml.get(element, "channels") or 1),
            ";".join(f"{xml.get(each, 'name')}={xml.get(each, 'value')}" for each in xml.children(element)),
        )
    except ValueError as error:
        raise MalformedError(f"payload-type: {error}") from error


def _keys(description: Element) -> tuple[CryptoKey, ...]:
    encryption = xml.child(description, "encryption", RTP)
    if encryption is None:
        return ()
    return tuple(
        CryptoKey(_need(each, "tag"), _need(each, "crypto-suite"), _need(each, "key-params"))
        for each in xml.children(encryption)
    )


def _need(element: Element, name: str) -> str:
    value = xml.get(element, name)
    if not value:
        raise MalformedError(f"<{element.name}/> without {name}")
    return value


def contentOf(jingle: Element) -> Content:
    """
    @raise MalformedError: if there is not exactly one content, or it cannot be read.
    """
    contents = contentsOf(jingle)
    if len(contents) != 1:
        raise MalformedError(f"{len(contents)} contents")
    return contents[0]


def contentsOf(jingle: Element) -> list[Content]:
    """
    @raise MalformedError: if there is none, or one cannot be read.
    """
    contents = [Content.parse(each) for each in xml.children(jingle) if each.name == "content"]
    if not contents:
        raise MalformedError("no content")
    return contents


def addContent(jingle: Element, content: Content) -> Element:
    """Write a content; what is empty in it is left out."""
    made = xml.add(jingle, "content", creator=content.creator, name=content.name)
    if content.senders:
        made["senders"] = content.senders
    if content.codecs:
        description = xml.add(made, "description", RTP, media=content.media)
        for codec in content.codecs:
            _addCodec(description, codec)
        if content.transport.muxed:
            xml.add(description, "rtcp-mux")
        if content.transport.keys:
            encryption = xml.add(description, "encryption")
            for key in content.transport.keys:
                xml.add(encryption, "crypto", tag=key.tag, **{"crypto-suite": key.suite, "key-params": key.parameters})
    if content.kind:
        addTransport(made, content.kind, content.transport)
    return made


def _addCodec(description: Element, codec: Codec) -> None:
    made = xml.add(description, "payload-type", id=str(codec.payloadType), name=codec.name)
    made["clockrate"] = str(codec.clockRate)
    if codec.channels > 1:
        made["channels"] = str(codec.channels)
    for parameter in filter(None, codec.parameters.split(";")):
        name, equals, value = parameter.partition("=")
        xml.add(made, "parameter", name=name, **({"value": value} if equals else {}))


def addTransport(content: Element, kind: str, transport: TransportDescription) -> None:
    """Write a transport of that namespace."""
    made = xml.add(content, "transport", kind)
    if kind == ICE_UDP:
        made["ufrag"], made["pwd"] = transport.ufrag, transport.password
    if transport.fingerprint is not None and transport.setup is not None:
        fingerprint = xml.add(made, "fingerprint", DTLS, text=transport.fingerprint.value)
        fingerprint["hash"], fingerprint["setup"] = transport.fingerprint.algorithm, transport.setup.value
    for number, candidate in enumerate(transport.candidates):
        address = candidate.address
        one = xml.add(made, "candidate", component=str(candidate.component), generation="0", id=f"c{number}")
        one["ip"], one["port"] = address.host, str(address.port)
        if kind == ICE_UDP:
            one["foundation"], one["network"], one["priority"] = candidate.foundation, "0", str(candidate.priority)
            one["protocol"], one["type"] = candidate.protocol, candidate.kind


def reasonOf(element: Element) -> tuple[str, str]:
    """The condition and the words of a reason; both empty if there is none."""
    reason = xml.child(element, "reason")
    if reason is None:
        return "", ""
    conditions = [each.name for each in xml.children(reason) if each.name != "text"]
    return (conditions[0] if conditions else ""), xml.text(xml.child(reason, "text"))


def addReason(parent: Element, condition: str, words: str = "") -> None:
    """Say why."""
    reason = xml.add(parent, "reason", JINGLE)
    xml.add(reason, condition)
    if words:
        xml.add(reason, "text", text=words)
