# -*- test-case-name: ichatgw.test.jingle.session.test_session,ichatgw.test.jingle.test_inbound -*-
# mypy: allow-untyped-calls
"""
Contents that a call has no use for: video, data, a second audio.

A client that is built on WebRTC shares one transport among all contents (BUNDLE), makes an SDP answer of our
C{session-accept}, and takes none with fewer streams than it offered (RFC 3264 section 6; stanza.js, Movim, Siskin,
Monal).  Conversations ends the call as well if there are other media in it than in its offer.  So such a content is
accepted, with us alone as its sender, and we send nothing.  With C{senders} C{none} Chromium 156 would not tell the
packets of the audio by their payload type any more, and play none of them.

The others gather candidates for each content, and would wait for ever for the way of one that is accepted (Dino): there
it is left out, and removed after the accept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twisted.words.xish.domish import Element

from ichatgw.jingle.stanzas.description import writeDescription
from ichatgw.jingle.stanzas.jingle import Content, Jingle, writeContent
from ichatgw.jingle.stanzas.namespaces import NS_RTP
from ichatgw.jingle.stanzas.transport import writeTransport
from ichatgw.model import SessionDescription, TransportDescription

_PLAINEST = "vp8"
"""The format that goes without parameters, by which an answer might differ from the offer."""


def accepted(
    ours: Element, offered: Sequence[Content], isBundled: bool, local: TransportDescription, us: str
) -> tuple[list[Element], list[Content]]:
    """
    What an accept consists of.

    @param ours: the content that the call is about.
    @param offered: all contents of the client's offer, each of another name.
    @param isBundled: do they share one transport?
    @param local: the transport of the call.
    @param us: what we are called by who has made the offer: see L{responder}.
    @return: the contents in the order of the offer, and which of the offer are left out.
    """
    told: list[Element] = []
    left = []
    for content in offered:
        if content.name == ours["name"]:
            told.append(ours)
        elif isBundled and _canIdle(content) and local.fingerprint is not None:
            told.append(_writeIdle(content, local, us, isFirst=not told))
        else:
            left.append(content)
    return told or [ours], left


def _canIdle(content: Content) -> bool:
    return content.media in ("audio", "video") and bool(content.codecs) and content.transport is not None


def responder(offer: Jingle) -> str:
    """
    What the responder of a session is called where it says who sends: C{responder}.  Only Movim takes the sender of an
    SDP answer for the C{initiator}; it is told by the bare address that it calls itself by.
    """
    return "initiator" if offer.initiator and "/" not in offer.initiator else "responder"


def _writeIdle(content: Content, local: TransportDescription, us: str, isFirst: bool) -> Element:
    """
    The content, accepted, with us as the only one who might send in it.

    @param isFirst: of the bundle: then it says where the transport leads (RFC 9143 section 7.3).
    """
    codec = next((codec for codec in content.codecs if codec.name.lower() == _PLAINEST), content.codecs[0])
    description = writeDescription(SessionDescription((codec,)), kind=content.media)
    transport = writeTransport(local, local.candidates if isFirst else ())
    return writeContent(content.creator, content.name, description, transport, senders=us)


def writeStub(content: Content) -> Element:
    """
    A content that is turned down: Conversations ends the whole call if its media and transport are not named.
    """
    stub = []
    if content.media in ("audio", "video"):
        stub.append(Element((NS_RTP, "description")))
        stub[0]["media"] = content.media
    if content.transport is not None:
        stub.append(Element((content.transport.namespace, "transport")))
    return writeContent(content.creator, content.name, *stub, senders=content.senders)


def named(chosen: Content, contents: Iterable[Content]) -> tuple[Content, ...]:
    """One content of each name, in their order; of C{chosen}'s name that."""
    found: dict[str, Content] = {}
    for content in contents:
        found.setdefault(content.name, content)
    return tuple({**found, chosen.name: chosen}.values())
