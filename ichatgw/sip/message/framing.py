# -*- test-case-name: ichatgw.test.sip.message.test_framing -*-
"""
From the bytes of a datagram to start line, header fields and body (RFC 3261 section 7).

Lines end with CRLF and with nothing else, but for messages that have no CR at all.  A control character or a Unicode
line break in a header is a fault: what comes behind the gate splits lines at any of them, so that a header could hide
in another one.  The one exception is a control character escaped within a quoted string (RFC 4475 section 3.1.1.2),
which becomes a question mark.
"""

from __future__ import annotations

import re
from functools import lru_cache

from attrs import define, field, frozen

from ichatgw.errors import MalformedError
from ichatgw.sip.message.headers import RULES, Rule
from ichatgw.sip.message.syntax import BLANKS, isToken

COMPACT = {
    "b": "referred-by",
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}
"""The short names of headers, as registered by RFC 3261, 3515, 3892, 4028 and 6665."""

LINES_KEPT, MAX_KEPT = 8192, 200
"""
How many header lines are kept as they were read, and how many characters one may have for that: those of a dialog come
again with each of its messages.
"""

_USUAL_NAMES = {name: name for name in RULES} | {rule.title: name for name, rule in RULES.items()} | COMPACT

_UNWANTED = re.compile("[\0-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_C1 = re.compile("[\x80-\x9f]")
_ESCAPED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_ESCAPED_CONTROL = re.compile("\\\\[\0-\x09\x0b\x0c\x0e-\x1f\x7f]")


class Refusal(MalformedError):
    """
    A request cannot be admitted, and this is the answer to it.

    @ivar status: the status code.
    @ivar phrase: the reason phrase.
    @ivar extra: a header line that the answer must hold, without its line end.
    """

    def __init__(self, status: int, phrase: str, extra: str = "") -> None:
        super().__init__(f"{status} {phrase}")
        self.status = status
        self.phrase = phrase
        self.extra = extra


class Broken(Refusal):
    """Where its headers or the message end, readers will not agree on."""


@frozen
class Limits:
    """
    How much of a message is looked at.

    @ivar size: octets of a whole message.
    @ivar headers: header lines of a message, folded ones counted once.
    @ivar line: characters of one header that passes.
    @ivar commas: commas in one header that is read.
    @ivar separators: commas, semicolons and quotation marks in all headers that are read, together: these are what
        costs.
    """

    size: int = 16384
    headers: int = 100
    line: int = 4096
    commas: int = 50
    separators: int = 200


@define(eq=False)
class Field:
    """
    One header field.  It is shared by all messages that have the same line.

    @ivar name: the full name, in lower case.
    @ivar value: unfolded.
    @ivar rule: how it passes; C{None} if it does not.
    @ivar commas: how many there are, if it costs more the more is in it.
    @ivar separators: how many commas, semicolons and quotation marks, if it costs more the more is in it.
    @ivar fault: what is wrong with it; empty if nothing is.
    @ivar passed: names and values that go on, once somebody has asked.
    """

    name: str
    value: str
    rule: Rule | None = None
    commas: int = 0
    separators: int = 0
    fault: str = ""
    passed: tuple[tuple[str, str], ...] | None = None


@frozen
class Frame:
    """
    A message in its parts; what is wrong with it, too, so that one can be told who was able to send a Via.

    @ivar charset: what the header was written in, UTF-8 (which may be broken) or else Latin-1.
    @ivar fault: the first thing found wrong.
    """

    startLine: str
    fields: list[Field] = field(factory=list)
    body: bytes = b""
    charset: str = "utf-8"
    fault: Refusal | None = None

    @classmethod
    def read(cls, datagram: bytes, limits: Limits) -> Frame:
        """Take a message apart.  Never raises; C{fault} tells."""
        datagram = _withLineEnds(datagram.lstrip(b"\r\n"), limits.size)
        fault = None
        end = datagram.find(b"\r\n\r\n", 0, limits.size)
        body = datagram[end + 4 :] if end >= 0 else b""
        if len(datagram) > limits.size:
            fault = Broken(413, "Request Entity Too Large") if end >= 0 else Broken(513, "Message Too Large")
        if end < 0:
            end = datagram.rfind(b"\r\n", 0, limits.size)
            if fault is None and end + 2 != len(datagram):
                fault = Broken(400, "Unfinished Header")
        text, charset = _decode(datagram[: max(end, 0)])
        lines = text.replace("\r\n ", "  ").replace("\r\n\t", "  ").split("\r\n")
        fields, found = _fields(lines, limits)
        return cls(lines[0], fields, body, charset, fault or found)

    def values(self, name: str) -> list[str]:
        """All values of one header, in order."""
        return [each.value for each in self.fields if each.name == name]


def _withLineEnds(datagram: bytes, size: int) -> bytes:
    """
    A message whose header has nothing but LF at the ends of its lines, as scripts write it, gets CRLF there.  One with
    both stays as it is: one of the two is part of a value then, and a fault.
    """
    end = datagram.find(b"\n\n", 0, size)
    head, rest = (datagram, b"") if end < 0 else (datagram[:end], b"\r\n\r\n" + datagram[end + 2 :])
    return datagram if b"\r" in head or (end < 0 and b"\n" not in head) else head.replace(b"\n", b"\r\n") + rest


def _decode(head: bytes) -> tuple[str, str]:
    try:
        return head.decode(), "utf-8"
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    # With control characters of its own it is no Latin-1, but UTF-8 that has been cut.
    return (head.decode("utf-8", "replace"), "utf-8") if _C1.search(text) else (text, "latin-1")


def _fields(lines: list[str], limits: Limits) -> tuple[list[Field], Refusal | None]:
    """The header fields, and the first fault in them."""
    fault = None
    if len(lines) > limits.headers + 1:
        del lines[limits.headers + 1 :]
        fault = Refusal(400, "Too Many Headers")
    if not isClean(lines[0]):
        fault = Refusal(400, "Control Character In Request Line")
    fields = []
    for line in lines[1:]:
        length = len(line)
        read = _fieldBefore(line) if length <= MAX_KEPT else _field(line)
        if read.fault:
            fault = fault or (Broken if read.name else Refusal)(400, read.fault)
        if not read.name:
            continue
        if length > limits.line and read.rule is not None:
            fault = fault or Refusal(400, "Header Too Long")
        fields.append(read)
    return fields, fault


def _field(line: str) -> Field:
    """One line, or several that are one header; it has no name if that cannot be read."""
    written, colon, value = line.partition(":")
    name = _USUAL_NAMES.get(written)
    if name is None:
        name = written.rstrip(BLANKS).lower()
        name = COMPACT.get(name, name)
    rule = RULES.get(name)
    if not colon or (rule is None and not isToken(name)):
        return Field("", "", fault="Misspelt Header")
    fault = ""
    if not value.isprintable():
        value = _ESCAPED.sub(_defuse, value)
        if not isClean(value):
            fault = "Control Character In Header"
    value = value.strip(BLANKS)
    if rule is None or not rule.isRead:
        return Field(name, value, rule, fault=fault)
    commas = value.count(",")
    return Field(name, value, rule, commas, commas + value.count(";") + value.count('"'), fault)


_fieldBefore = lru_cache(maxsize=LINES_KEPT)(_field)


def _defuse(match: re.Match[str]) -> str:
    return _ESCAPED_CONTROL.sub("?", match[0])


def isClean(text: str) -> bool:
    """Is C{text} one line for every parser, with no character that some take for the end of a line?"""
    return text.isprintable() or not _UNWANTED.search(text)
