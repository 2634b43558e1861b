# -*- test-case-name: ichatgw.test.jingle.stanzas.test_jingle,ichatgw.test.jingle.session.test_session,ichatgw.test.jingle.test_midcall -*-  # noqa: E501
# mypy: allow-untyped-calls
"""
The stanzas of a Jingle session: C{<jingle/>} and what it holds (XEP-0166, XEP-0167).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import evolve, frozen
from twisted.words.protocols.jabber.error import NS_XMPP_STANZAS
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.jingle.stanzas.description import (
    SENDERS,
    directionOf,
    isMuxed,
    offersKeys,
    readCodecs,
    readKeys,
    readPacking,
)
from ichatgw.jingle.stanzas.namespaces import NS_DTMF, NS_GROUPING, NS_JINGLE, NS_RTP, NS_RTP_ERRORS, NS_RTP_INFO
from ichatgw.jingle.stanzas.transport import ReadTransport, readTransport
from ichatgw.jingle.stanzas.xml import child, children, label, numberOr, textOf, word, wordOr, writable
from ichatgw.model import ANY_PACKING, Codec, CryptoKey, Packing
from ichatgw.xmpp.stanzas import recipient, sender

MAX_CONTENTS = 8


class Action(Enum):
    """What a C{<jingle/>} asks for (XEP-0166 section 7.2)."""

    INITIATE = "session-initiate"
    ACCEPT = "session-accept"
    TERMINATE = "session-terminate"
    INFO = "session-info"
    CONTENT_ACCEPT = "content-accept"
    CONTENT_ADD = "content-add"
    CONTENT_MODIFY = "content-modify"
    CONTENT_REJECT = "content-reject"
    CONTENT_REMOVE = "content-remove"
    DESCRIPTION_INFO = "description-info"
    SECURITY_INFO = "security-info"
    TRANSPORT_ACCEPT = "transport-accept"
    TRANSPORT_INFO = "transport-info"
    TRANSPORT_REJECT = "transport-reject"
    TRANSPORT_REPLACE = "transport-replace"


@frozen
class Reason:
    """
    Why (XEP-0166 section 7.4).

    @ivar condition: the defined condition; empty if none was given.
    @ivar detail: the condition of the application (XEP-0167 section 10); empty if none was given.
    @ivar sid: of C{alternative-session}.
    """

    condition: str
    text: str = ""
    detail: str = ""
    sid: str = ""

    def toElement(self) -> Element:
        element = Element((NS_JINGLE, "reason"))
        condition = element.addElement(self.condition)
        if self.sid:
            condition.addElement("sid", content=self.sid)
        if self.text:
            element.addElement("text", content=writable(self.text))
        if self.detail:
            element.addElement((NS_RTP_ERRORS, self.detail))
        return element


def readReason(parent: Element) -> Reason | None:
    """The C{<reason/>} of a stanza; C{None} if it has none."""
    element = child(parent, NS_JINGLE, "reason")
    if element is None:
        return None
    condition, text, detail, sid = "", "", "", ""
    for one in element.elements():
        if one.uri == NS_RTP_ERRORS:
            detail = one.name
        elif one.name == "text":
            text = textOf(one)
        elif one.uri == NS_JINGLE and not condition:
            condition = one.name
            named = child(one, NS_JINGLE, "sid")
            sid = textOf(named) if named is not None else ""
    return Reason(condition[:64], text, detail[:64], sid)


@frozen
class Content:
    """
    One content of a session.  What is absent is C{None} or empty.

    @ivar creator: C{initiator} or C{responder}.
    @ivar senders: who may send; empty if not said, which means C{both}.
    @ivar media: C{audio}, C{video}, or what else the description is about; empty if it has none.
    @ivar codecs: of RTP.
    @ivar packing: how long packets of them shall be.
    @ivar transport: what it says of the transport, if we know that.
    @ivar transportKind: the namespace of the transport, known or not.
    """

    creator: str
    name: str
    senders: str = ""
    media: str = ""
    codecs: tuple[Codec, ...] = ()
    keys: tuple[CryptoKey, ...] = ()
    muxed: bool = False
    transport: ReadTransport | None = None
    transportKind: str = ""
    packing: Packing = ANY_PACKING


@frozen
class _Description:
    """What a content is about; see L{Content}.  C{isProtected}: its media is to be protected by keys."""

    media: str = ""
    codecs: tuple[Codec, ...] = ()
    keys: tuple[CryptoKey, ...] = ()
    muxed: bool = False
    isProtected: bool = False
    packing: Packing = ANY_PACKING

    @classmethod
    def read(cls, element: Element) -> _Description:
        """What cannot be read is left out."""
        if element.uri != NS_RTP:
            return cls((element.uri or "unknown")[:100])
        media = wordOr(element, "media", "unknown" if element.hasAttribute("media") else "audio")
        return cls(
            media.strip().lower() or "audio",
            readCodecs(element),
            readKeys(element),
            isMuxed(element),
            offersKeys(element),
            readPacking(element),
        )


def _readContent(element: Element) -> Content:
    """
    @raise MalformedError: if it cannot be told what it is called or how to reach it, or if its media is to be protected
        and nothing is left that would do that.
    """
    creator, senders = wordOr(element, "creator", ""), wordOr(element, "senders", "")
    name, about, transport, kind = label(element, "name"), _Description(), None, ""
    for one in element.elements():
        if one.name == "description" and not about.media:
            about = _Description.read(one)
        elif one.name == "transport" and not kind:
            transport, kind = readTransport(one), (one.uri or "unknown")[:100]
    isFingerprinted = transport is not None and transport.isFingerprinted
    isKeyed = bool(about.keys) or (transport is not None and transport.description.fingerprint is not None)
    if about.codecs and (about.isProtected or isFingerprinted) and not isKeyed:
        raise MalformedError("neither a fingerprint nor a key can be read")
    return Content(
        creator if creator in ("initiator", "responder") else "initiator",
        name,
        senders if senders in SENDERS else "",
        about.media,
        about.codecs,
        about.keys,
        about.muxed,
        transport,
        kind,
        about.packing,
    )


def _readContents(jingle: Element, action: Action | None) -> tuple[Content, ...]:
    """
    The contents; one that cannot be read is left out.

    @raise MalformedError: if none can be read though there are some; or if it is asked for a direction and does not say
        which.
    """
    contents, error = [], None
    for element in children(jingle, NS_JINGLE, "content"):
        try:
            contents.append(_readContent(element))
            if action is Action.CONTENT_MODIFY:
                directionOf(word(element, "senders", ""), True)
        except MalformedError as problem:
            error = problem
    if error is not None and (not contents or action is Action.CONTENT_MODIFY):
        raise error
    return tuple(contents)


@frozen
class Info:
    """
    The payload of a C{session-info}.

    @ivar name: C{ringing}, C{hold}, C{mute} and so on; C{dtmf} for a digit (XEP-0181),
        C{dtmf-end} for the end of one.
    @ivar about: the name of the content that it is about, if said.
    @ivar code: the digit.
    @ivar duration: how long it is, in milliseconds.
    """

    name: str
    about: str = ""
    code: str = ""
    duration: int = 0


@frozen
class Jingle:
    """
    A C{<jingle/>}.

    @ivar action: C{None} if it is a word that the standard does not have.
    @ivar infos: what C{session-info} says and we know; C{unknownInfo} tells of others.
    @ivar initiator: as written; may be absent or bare (Movim).
    @ivar bundled: all contents want to share one transport (XEP-0338).
    """

    to: JID
    from_: JID
    action: Action | None
    sid: str
    contents: tuple[Content, ...] = ()
    reason: Reason | None = None
    infos: tuple[Info, ...] = ()
    unknownInfo: bool = False
    initiator: str = ""
    bundled: bool = False

    @classmethod
    def fromElement(cls, iq: Element) -> Jingle:
        """@raise MalformedError: if it is none."""
        outline = cls.outline(iq)
        element, action = child(iq, NS_JINGLE, "jingle"), outline.action
        assert element is not None
        contents = _readContents(element, action)
        if len(contents) > MAX_CONTENTS:
            raise MalformedError(f"more than {MAX_CONTENTS} contents")
        infos, unknown = _readInfos(element) if action is Action.INFO else ((), False)
        bundled = any(group.getAttribute("semantics") == "BUNDLE" for group in children(element, NS_GROUPING, "group"))
        return evolve(
            outline,
            contents=contents,
            reason=readReason(element),
            infos=infos,
            unknownInfo=unknown,
            initiator=wordOr(element, "initiator", ""),
            bundled=bundled,
        )

    @classmethod
    def outline(cls, iq: Element) -> Jingle:
        """
        What is asked for, by whom, in which session, and nothing of what is in it.

        @raise MalformedError: if it is no C{<jingle/>}.
        """
        element = child(iq, NS_JINGLE, "jingle")
        if element is None:
            raise MalformedError("no <jingle/>")
        sid = label(element, "sid")
        if not sid:
            raise MalformedError("an empty sid")
        name = wordOr(element, "action", "")
        action = next((known for known in Action if known.value == name), None)
        return cls(recipient(iq), sender(iq), action, sid)


def _readInfos(element: Element) -> tuple[tuple[Info, ...], bool]:
    infos, unknown = [], False
    for one in element.elements():
        if one.uri == NS_DTMF and one.name == "dtmf" and one.getAttribute("action") == "button-up":
            # Version 0.9 said where a key begins and where it ends, instead of how long it is.
            infos.append(Info("dtmf-end", "", wordOr(one, "code", "")))
        elif one.uri == NS_DTMF and one.name == "dtmf":
            infos.append(Info("dtmf", "", wordOr(one, "code", ""), numberOr(one, "duration", 60_000, 0)))
        elif one.uri == NS_RTP_INFO:
            infos.append(Info(one.name[:32], _aboutOf(one)))
        else:
            unknown = True
    return tuple(infos), unknown


def _aboutOf(info: Element) -> str:
    """The name of the content that it is about; empty if it does not say so readably."""
    try:
        return label(info, "name", "")
    except MalformedError:
        return ""


def conditionOf(stanza: Element, uri: str = NS_XMPP_STANZAS) -> str:
    """The condition of an error stanza (RFC 6120 section 8.3), or another one of C{uri}; empty if there is none."""
    error = next((child for child in stanza.elements() if child.name == "error"), None)
    if error is None:
        return ""
    conditions = (child.name for child in error.elements() if child.name != "text" and child.uri == uri)
    return str(next(conditions, ""))[:64]


def writeJingle(
    to: JID, from_: JID, action: Action, sid: str, *payload: Element, initiator: JID | None = None
) -> Element:
    """
    The IQ, without an id.

    @param initiator: said in the first stanza each party sends.
    """
    iq = Element((None, "iq"))
    iq["type"], iq["to"], iq["from"] = "set", to.full(), from_.full()
    jingle = iq.addElement((NS_JINGLE, "jingle"))
    jingle["action"], jingle["sid"] = action.value, sid
    if initiator is not None:
        jingle["initiator"] = initiator.full()
        if action is Action.ACCEPT:
            jingle["responder"] = from_.full()
    for element in payload:
        jingle.addChild(element)
    return iq


def writeContent(creator: str, name: str, *children: Element, senders: str = "") -> Element:
    """A C{<content/>} with what it holds."""
    content = Element((NS_JINGLE, "content"))
    content["creator"], content["name"] = creator, name
    if senders:
        content["senders"] = senders
    for element in children:
        content.addChild(element)
    return content


def writeBundle(names: Iterable[str]) -> Element:
    """The contents of these names share one transport (XEP-0338)."""
    group = Element((NS_GROUPING, "group"))
    group["semantics"] = "BUNDLE"
    for name in names:
        group.addElement("content")["name"] = name
    return group


def writeInfo(name: str, about: tuple[str, str] | None = None) -> Element:
    """
    C{ringing}, C{hold} and the like.

    @param about: creator and name of the content.
    """
    info = Element((NS_RTP_INFO, name))
    if about is not None:
        info["creator"], info["name"] = about
    return info


def writeDigit(digit: str, milliseconds: int) -> Element:
    """XEP-0181."""
    dtmf = Element((NS_DTMF, "dtmf"))
    dtmf["code"], dtmf["duration"] = digit, str(milliseconds)
    return dtmf
