# -*- test-case-name: ichatgw.test.sip.texts.test_cpim -*-
"""
C{message/cpim} (RFC 3862), in which a text can ask for notifications, and these themselves, C{message/imdn+xml} (RFC
5438).  Pure.
"""

from __future__ import annotations

import re
from html import unescape
from xml.sax.saxutils import escape

from attrs import frozen

from ichatgw.errors import MalformedError
from ichatgw.texts.interfaces import Fate

CPIM, IMDN, PLAIN = "message/cpim", "message/imdn+xml", "text/plain"

NS_IMDN = "urn:ietf:params:imdn"

MAX_HEAD, MAX_NOTIFICATION = 4096, 8192
"""Characters of the headers of a message, and of a notification."""

_EMPTY_LINE = re.compile(r"\r?\n\r?\n")
_LINE = re.compile(r"\r?\n")
_HEADER = re.compile(r"([^\s:]+):[ \t]*(.*)")
_NAMESPACE = re.compile(r"NS:[ \t]*(?:([A-Za-z0-9_-]+)[ \t]*)?<([^>]*)>", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<(?:\w+:)?message-id\s*>\s*([^<>]{1,200}?)\s*</")
_STATUS = re.compile(r"<(?:\w+:)?(delivered|displayed|processed|stored|failed|forbidden|error)\s*/?>")
_UNSAFE = re.compile(r"[\0-\x20\x7f<>]+")

_FATES = {
    "delivered": Fate.DELIVERED,
    "displayed": Fate.DELIVERED,
    "processed": Fate.ACCEPTED,
    "stored": Fate.ACCEPTED,
}
_WORDS = {Fate.DELIVERED: "delivered", Fate.ACCEPTED: "stored", Fate.FAILED: "failed"}


@frozen
class Wrapped:
    """
    What a C{message/cpim} holds.

    @ivar contentType: of what is in it, without parameters, in lower case.
    @ivar id: by which notifications name it; empty if none are wanted.
    @ivar wants: the notifications that its writer wants, in lower case.
    """

    contentType: str
    body: str
    id: str = ""
    wants: frozenset[str] = frozenset()


def readCPIM(content: str) -> Wrapped:
    """
    @raise MalformedError: if its parts cannot be told from each other.
    """
    outer = _EMPTY_LINE.search(content, 0, MAX_HEAD)
    inner = None if outer is None else _EMPTY_LINE.search(content, outer.end(), outer.end() + MAX_HEAD)
    if outer is None or inner is None:
        raise MalformedError("no CPIM message")
    lines = _LINE.split(content[: outer.start()])
    said = _headers(lines)
    found = (_NAMESPACE.fullmatch(line.strip()) for line in lines)
    prefix = next((match[1] for match in found if match is not None and match[2] == NS_IMDN and match[1]), "imdn")
    prefix = prefix.lower()
    wishes = said.get(f"{prefix}.disposition-notification", "").lower()
    kind = _headers(_LINE.split(content[outer.end() : inner.start()])).get("content-type", PLAIN)
    return Wrapped(
        kind.partition(";")[0].strip().lower(),
        content[inner.end() :],
        said.get(f"{prefix}.message-id", "")[:200],
        frozenset(wish.partition(";")[0].strip() for wish in wishes.split(",")) - {""},
    )


def _headers(lines: list[str]) -> dict[str, str]:
    """By name in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line.strip())
        if match is not None:
            found.setdefault(match[1].lower(), match[2])
    return found


def writeCPIM(wrapped: Wrapped, writer: str, reader: str, when: str) -> str:
    """
    @param writer: a URI.
    @param reader: another one.
    @param when: date and time (RFC 3339).
    """
    head = [f"From: <{_plain(writer)}>", f"To: <{_plain(reader)}>", f"DateTime: {when}"]
    if wrapped.id:
        head += [f"NS: imdn <{NS_IMDN}>", f"imdn.Message-ID: {_plain(wrapped.id)}"]
    if wrapped.wants:
        head.append(f"imdn.Disposition-Notification: {', '.join(sorted(wrapped.wants))}")
    kind = f"{wrapped.contentType};charset=utf-8" if wrapped.contentType == PLAIN else wrapped.contentType
    part = [f"Content-Type: {kind}"]
    if wrapped.contentType == IMDN:
        part.append("Content-Disposition: notification")
    return "\r\n".join([*head, "", *part, "", wrapped.body])


def _plain(text: str) -> str:
    return _UNSAFE.sub("", text)


def readIMDN(content: str) -> tuple[str, Fate]:
    """
    What a notification says.

    @return: the id of the message that it is about, and what has become of that.
    @raise MalformedError: if it does not say so.
    """
    id, status = _MESSAGE_ID.search(content[:MAX_NOTIFICATION]), _STATUS.search(content[:MAX_NOTIFICATION])
    if id is None or status is None or "<!" in content[:MAX_NOTIFICATION]:
        raise MalformedError("no notification")
    return unescape(id[1]), _FATES.get(status[1], Fate.FAILED)


def writeIMDN(id: str, when: str, fate: Fate) -> str:
    """
    A notification.

    @param id: of the message that it is about.
    @param when: that was sent (RFC 3339).
    """
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\r\n<imdn xmlns="{NS_IMDN}"><message-id>{escape(id)}</message-id>'
        f"<datetime>{escape(when)}</datetime><delivery-notification><status><{_WORDS[fate]}/></status>"
        "</delivery-notification></imdn>\r\n"
    )
