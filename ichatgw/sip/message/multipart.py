# -*- test-case-name: ichatgw.test.sip.message.test_multipart -*-
"""
Bodies of several parts (RFC 2046 section 5.1, RFC 5621): the description of the session among signalling of the
telephone network (RFC 3204), locations (RFC 6442) and other things that are none of ours.  Pure.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from quopri import decodestring

from attrs import frozen

from ichatgw.errors import MalformedError
from ichatgw.model import Part
from ichatgw.sip.message.framing import COMPACT

MAX_PARTS = 16
"""As many of one body are looked at, those of parts that have parts themselves included."""

DEEPEST = 3
"""So many levels of parts within parts."""

MAX_LINES = 20
"""Header lines of one part."""

MAX_LINE = 500

SDP = "application/sdp"

_BOUNDARY = re.compile(r"""[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]\Z""")
_PARAMETER = re.compile(r""";[ \t]*([^\s;="]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))""")
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_FOLDED = re.compile(r"\r?\n[ \t]+")


@frozen
class Content:
    """
    What a body holds.

    @ivar sdp: the description of the session, as it came; C{None} if there is none.
    @ivar others: all else that is not required.
    @ivar required: the types of parts that have to be understood, and are not (RFC 5621 section 8).
    """

    sdp: bytes | None
    others: tuple[Part, ...]
    required: tuple[str, ...]


def isMultipart(contentType: str) -> bool:
    """Is it the type of a body that has parts?"""
    return contentType.strip().lower().startswith("multipart/")


def read(contentType: str, disposition: str, body: bytes) -> Content:
    """
    What is in the body of a message.

    A part is required if it says so.  One that does not say is not, although it should be (RFC 5621 section 8): those
    who send locations leave it out.  A body that is no SDP and has no parts is as the standard says.

    @param contentType: of the message.
    @param disposition: its C{Content-Disposition}; empty if it has none.
    @raise MalformedError: if the parts cannot be told from each other, or are too many.
    """
    alone = not isMultipart(contentType)
    budget = [MAX_PARTS]
    sdp: bytes | None = None
    others: list[Part] = []
    required = []
    whole = Part(contentType, disposition, body)
    for part in [whole] if alone else _parts(whole, _marks(whole), budget, 1):
        kind = part.contentType.partition(";")[0].strip().lower()
        word, handling = _disposition(part.disposition)
        if sdp is None and kind == SDP and word in ("", "session"):
            sdp = part.content
        elif handling == "required" or (alone and handling != "optional"):
            required.append(kind)
        else:
            others.append(part)
    return Content(sdp, tuple(others), tuple(required))


def write(sdp: str, parts: Sequence[Part]) -> tuple[str, bytes]:
    """
    A body of the description and these parts.

    @return: its type and its octets.
    """
    pieces = [_headers(Part(SDP, "session;handling=required", b"")) + sdp.encode()]
    pieces += [_headers(part) + part.content for part in parts]
    number = 0
    while any(f"--part{number}".encode() in piece for piece in pieces):
        number += 1
    boundary = f"part{number}"
    mark = f"--{boundary}".encode()
    body = b"".join(mark + b"\r\n" + piece + b"\r\n" for piece in pieces) + mark + b"--\r\n"
    return f"multipart/mixed;boundary={boundary}", body


def _headers(part: Part) -> bytes:
    lines = [f"Content-Type: {part.contentType}"]
    if part.disposition:
        lines.append(f"Content-Disposition: {part.disposition}")
    if part.id:
        lines.append(f"Content-ID: {part.id}")
    return "\r\n".join([*lines, "", ""]).encode()


def _marks(whole: Part) -> list[re.Match[bytes]]:
    """
    What begins each of the parts.

    @raise MalformedError: if they cannot be told from each other.
    """
    boundary = _parameters(whole.contentType).get("boundary", "")
    if not _BOUNDARY.match(boundary):
        raise MalformedError("a multipart body without a boundary")
    mark = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("ascii")) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    marks = list(mark.finditer(whole.content))
    if not marks:
        raise MalformedError("a multipart body without parts")
    return marks


def _parts(whole: Part, marks: list[re.Match[bytes]], budget: list[int], depth: int) -> Iterator[Part]:
    """Those of a part that has parts, whatever the depth.  One whose own cannot be told from each other is one part."""
    for index, begin in enumerate(marks):
        if begin[1]:
            return
        budget[0] -= 1
        if budget[0] < 0:
            raise MalformedError("too many parts")
        end = marks[index + 1].start() if index + 1 < len(marks) else len(whole.content)
        part = _part(whole.content[begin.end() : end])
        inner = _marksOr(part) if depth < DEEPEST else []
        if inner:
            yield from _parts(part, inner, budget, depth + 1)
        else:
            yield part


def _marksOr(part: Part) -> list[re.Match[bytes]]:
    """None, if it has no parts or they cannot be told from each other."""
    try:
        return _marks(part) if isMultipart(part.contentType) else []
    except MalformedError:
        return []


def _part(text: bytes) -> Part:
    """
    @param text: from behind the line that begins the part.
    """
    blank = _EMPTY_LINE.search(text)
    head, content = (text, b"") if blank is None else (text[: blank.start()], text[blank.end() :])
    found: dict[str, str] = {}
    for line in _FOLDED.sub(" ", head.decode("utf-8", "replace")).splitlines()[:MAX_LINES]:
        name, colon, value = line.partition(":")
        if colon and len(line) <= MAX_LINE and value.isprintable():
            name = name.strip().lower()
            found.setdefault(COMPACT.get(name, name), value.strip())
    encoding = found.get("content-transfer-encoding", "").lower()
    try:
        if encoding == "base64":
            content = b64decode(content)
        elif encoding == "quoted-printable":
            content = decodestring(content)
    except binascii.Error:
        content = b""
    kind = found.get("content-type") or (SDP if content[:3] == b"v=0" else "text/plain")
    if found.get("content-encoding", "").lower() not in ("", "identity"):
        kind = "application/octet-stream"  # it is not unpacked
    return Part(kind, found.get("content-disposition", ""), content, found.get("content-id", ""))


def _disposition(text: str) -> tuple[str, str]:
    """The word, and what C{handling} says."""
    return text.partition(";")[0].strip().lower(), _parameters(text).get("handling", "").strip().lower()


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(text[:MAX_LINE]):
        quoted = match[2]
        value = match[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        found.setdefault(match[1].lower(), value)
    return found
