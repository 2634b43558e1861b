# -*- test-case-name: ichatgw.test.sip.message,ichatgw.test.sip.leg.test_acceptance -*-
"""
What stands before sippy's parser: a message passes in a form that sippy reads safely, is answered, or is dropped.

Nothing here has a socket, a clock or a log.  What passes has one start line with single spaces, CRLF line ends, one
value a line, no folding, only headers known to L{ichatgw.sip.message.headers.RULES}, and a C{Content-Length} that
counts the characters that follow.  What is wrong with a request is said to its sender as RFC 3261 says, statelessly; a
response or an ACK gets no answer, nor does anything without a Via that can be read.

The body is UTF-8 if it can be, else Latin-1 (an octet, a character), because sippy wants text; in an INFO or a MESSAGE
each octet beyond ASCII becomes U+FFFD instead.  L{Admitted.body} has the octets as they came.  Of a body of several
parts in a message that may hold an offer or an answer, the SDP alone passes; L{Admitted.parts} has the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from attrs import frozen

from ichatgw.errors import MalformedError
from ichatgw.model import Part, TransportAddress
from ichatgw.sip.message import multipart
from ichatgw.sip.message.framing import MAX_KEPT, Broken, Field, Frame, Limits, Refusal, isClean
from ichatgw.sip.message.headers import RULES, Rule, routes
from ichatgw.sip.message.stateless import respond
from ichatgw.sip.message.syntax import UnknownScheme, checked, isToken, listItems, readable, stampedVia, tagged

ACCEPT = f"{multipart.SDP}, multipart/mixed, multipart/related, multipart/alternative"
"""What we read in an INVITE."""

REQUEST_LINES_KEPT = 2048
"""How many first lines of requests are kept as they were read, if they are short: most come again."""

_MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")
_MANDATORY_NAMES = frozenset(title.lower() for title in _MANDATORY)
_OF_ACK = frozenset({"via", "from", "to", "call-id", "cseq", "contact", "record-route"})
_PASSED_ON = ("INFO", "MESSAGE")
_DESCRIBING = ("INVITE", "ACK", "PRACK", "UPDATE")
_LENGTH = re.compile(r"[0-9]{1,10}").fullmatch
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE).fullmatch
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9][0-9])(?: (.*))?", re.IGNORECASE | re.DOTALL).fullmatch


@frozen
class Admitted:
    """
    A message for sippy.

    The top Via of a request says C{received=<source>}, and C{rport=<port>} if the sender asked for it, so that sippy's
    C{via.getTAddr()} gives the source's host without brackets (IPv6 too) and either its port or the one in the Via
    (RFC 3261 section 18.2.2).  An INVITE without a Contact (RFC 2543) gets one that leads back to the source.

    @ivar text: the message, to be given to sippy as it is.
    @ivar method: the method of a request, or the one that a response answers.
    @ivar headers: names as in RFC 3261 and values, as in C{text}.
    @ivar body: the octets of the body.
    @ivar parts: what came with the SDP.
    @ivar fault: why it has passed without most of its headers and its body; empty if it is whole.
    """

    text: str
    isRequest: bool
    method: str
    startLine: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    parts: tuple[Part, ...] = ()
    fault: str = ""


@frozen
class Answer:
    """
    A request that goes no further.

    @ivar response: what to send to the datagram's source; at most twice as long as the request and 256 octets more.
    @ivar reason: for the log.
    """

    response: bytes
    reason: str


@frozen
class Dropped:
    """
    A datagram that gets no answer.

    @ivar reason: for the log.
    @ivar quiet: not even worth a log line: a keepalive.
    """

    reason: str
    quiet: bool = False


@frozen
class Gate:
    """
    Judges datagrams.

    @ivar supported: the option tags that a request may require (RFC 3261 section 8.2.2.3), in lower case.
    """

    limits: Limits = Limits()
    supported: frozenset[str] = frozenset()

    def admit(self, datagram: bytes, source: TransportAddress, transport: str = "UDP") -> Admitted | Answer | Dropped:
        """
        @param datagram: one whole message; on a stream, what the framing there has cut out.
        @param source: where it came from.
        @param transport: on anything but UDP a message must have its C{Content-Length} (RFC 3261 section 18.3).
        """
        if len(datagram) <= 4 and not datagram.strip(b"\r\n\0"):
            return Dropped("keepalive", quiet=True)
        frame = Frame.read(datagram, self.limits)
        method = frame.startLine.partition(" ")[0]
        isResponse = method[:4].upper() == "SIP/"
        if not isResponse and frame.startLine.rstrip().rpartition(" ")[2][:4].upper() != "SIP/":
            return Dropped("neither a request nor a response of SIP")
        try:
            if isResponse:
                return self._response(frame, transport)
            if frame.fault:
                raise frame.fault
            return self._request(frame, source, transport)
        except Refusal as refusal:
            if isResponse or method == "ACK":
                return Dropped(f"{refusal}")
            response = self._answer(frame, source, refusal)
            if response is None:
                return Dropped(f"{refusal}, and no way to say so")
            return Answer(response, f"{refusal}")

    def _response(self, frame: Frame, transport: str) -> Admitted:
        """
        A 2xx to INVITE that cannot be read but for what an ACK needs passes with that alone: its sender is in a call
        with us from now on, and has to be told that it is over.  One that has been cut is dropped; it comes again (RFC
        3261 section 18.3).
        """
        match = _STATUS_LINE(frame.startLine)
        if match is None or not isClean(frame.startLine):
            raise Refusal(400, "Misspelt Status Line")
        startLine = f"SIP/2.0 {match[1]} {match[2] or ''}"
        try:
            if frame.fault:
                raise frame.fault
            headers = self._headers(frame)
            return _admitted(frame, startLine, headers, _one(headers, "CSeq").partition(" ")[2], transport)
        except Broken:
            raise
        except Refusal as refusal:
            headers = self._headers(self._bare(frame))
            if match[1][0] != "2" or not _one(headers, "CSeq").endswith(" INVITE"):
                raise
            return Admitted(
                _text(startLine, headers, ""), False, "INVITE", startLine, tuple(headers), b"", (), f"{refusal}"
            )

    def _bare(self, frame: Frame) -> Frame:
        """What an ACK needs, as far as it can be read."""
        limit = self.limits.line
        needed = [each for each in frame.fields if each.name in _OF_ACK]
        return Frame(frame.startLine, [each for each in needed if len(each.value) <= limit and isClean(each.value)])

    def _request(self, frame: Frame, source: TransportAddress, transport: str) -> Admitted:
        method, target = _requestLine(frame.startLine)
        headers = self._headers(frame, method)
        if _one(headers, "CSeq").partition(" ")[2] != method:
            raise Refusal(400, "CSeq Method Mismatch")
        top = next(index for index, (title, _) in enumerate(headers) if title == "Via")
        headers[top] = ("Via", stampedVia(headers[top][1], source.host, source.port, transport != "UDP"))
        contacts = [value for title, value in headers if title == "Contact"]
        if method != "REGISTER" and "*" in contacts:
            if RULES["contact"].isNeeded(method):
                raise Refusal(400, "Misplaced Contact Wildcard")
            headers.remove(("Contact", "*"))
        if method == "INVITE" and not contacts:
            headers.append(("Contact", f"<sip:{source}>"))
        if method not in ("CANCEL", "ACK"):
            self._checkRequired(frame)
        return _admitted(frame, f"{method} {target} SIP/2.0", headers, method, transport)

    def _headers(self, frame: Frame, method: str = "") -> list[tuple[str, str]]:
        """
        The headers that go on, checked and in plain form.

        @param method: of a request; empty for a response.  What cannot be read is left out, if it can be done without:
            of a response another host may have written it, and an answer without it is better than none.
        """
        headers: list[tuple[str, str]] = []
        seen: set[str] = set()
        separators = 0
        limits = self.limits
        for field in frame.fields:
            name, rule = field.name, field.rule
            if rule is None:
                continue
            if name in seen:
                if rule.single and (name in _MANDATORY_NAMES or (method and rule.isNeeded(method))):
                    raise Refusal(400, f"Repeated {rule.title}")
                if rule.firstOnly or rule.single:
                    continue
            seen.add(name)
            separators += field.separators
            if field.commas > limits.commas or separators > limits.separators:
                raise Refusal(400, f"Too Many Values In {rule.title}")
            passed = field.passed
            headers += passed if passed is not None else _passable(field, rule, method)
        if not seen >= _MANDATORY_NAMES:
            raise Refusal(400, f"Missing {next(title for title in _MANDATORY if title.lower() not in seen)}")
        return headers

    def _checkRequired(self, frame: Frame) -> None:
        """RFC 3261 section 8.2.2.3."""
        required = [tag.strip() for value in frame.values("require") for tag in value.split(",")]
        unknown = [tag for tag in dict.fromkeys(required) if tag and tag.lower() not in self.supported]
        if unknown:
            raise Refusal(420, "Bad Extension", f"Unsupported: {', '.join(unknown)}")

    def _answer(self, frame: Frame, source: TransportAddress, refusal: Refusal) -> bytes | None:
        """
        A stateless response (RFC 3261 sections 8.2.6 and 8.2.7), as far as the request can be read.

        @return: C{None} if its Via cannot be read, or what would be copied is unsafe.
        """
        written = frame.values("via")
        if sum(value.count(mark) for value in written for mark in ',;"') > self.limits.separators:
            return None
        try:
            vias = readable([item for value in written for item in listItems(value)])
        except MalformedError:
            return None
        if not vias:
            return None
        top = stampedVia(vias[0], source.host, source.port)
        headers = [("Via", value) for value in (top, *vias[1:])]
        for name in ("from", "to", "call-id", "cseq"):
            headers += [(RULES[name].title, value) for value in frame.values(name)[:1]]
        name, colon, value = refusal.extra.partition(": ")
        extra = [(name, value)] if colon else []
        if not all(isClean(value) for _, value in (*headers, *extra)):
            return None
        return respond(headers, refusal.status, refusal.phrase, [extra], charset=frame.charset)


def _passable(field: Field, rule: Rule, method: str) -> Iterable[tuple[str, str]]:
    """
    What goes on of one header.

    @param method: see L{Gate._headers}.
    """
    if not method:
        return _answered(field, rule)
    try:
        return _passed(field, rule)
    except Refusal:
        if rule.isNeeded(method):
            raise
        return ()


def _answered(field: Field, rule: Rule) -> Iterable[tuple[str, str]]:
    """What goes on of one header of a response."""
    value = field.value
    if rule.title == "Contact" and value == "*":
        return ()
    try:
        return _passed(field, rule)
    except Refusal:
        if rule.title == "To":
            return [("To", tagged(value))]
        if rule.title == "Record-Route":
            return [("Record-Route", item) for item in routes(value)]
        if rule.title in _MANDATORY:
            raise
        return ()


def _passed(field: Field, rule: Rule) -> Iterable[tuple[str, str]]:
    """What goes on of one header."""
    try:
        passed = tuple([(rule.title, item) for item in rule.convert(field.value)])
    except MalformedError as error:
        if rule.needless:
            return ()
        raise Refusal(400, f"Misspelt {rule.title}") from error
    if field.value != "*":  # which passes in a request alone
        field.passed = passed
    return passed


def _requestLine(line: str) -> tuple[str, str]:
    return _requestLineBefore(line) if len(line) <= MAX_KEPT else _readRequestLine(line)


def _readRequestLine(line: str) -> tuple[str, str]:
    """The method and the target: a SIP URI, a telephone number, or the name of a service (RFC 5031)."""
    parts = line.split(" ")
    version = parts[-1]
    if _VERSION(version) and version.upper() != "SIP/2.0":
        raise Refusal(505, "Version Not Supported")
    if len(parts) != 3 or version.upper() != "SIP/2.0" or not isToken(parts[0]):
        raise Refusal(400, "Misspelt Request Line")
    method, target, _ = parts
    try:
        checked(target, keepHeaders=True, anyScheme=target[:4].lower() in ("tel:", "urn:"))
    except UnknownScheme as error:
        raise Refusal(416, "Unsupported URI Scheme") from error
    except MalformedError as error:
        raise Refusal(400, "Misspelt Request-URI") from error
    if "?" in target.rpartition("@")[2]:
        raise Refusal(400, "Headers In Request-URI")
    return method, target


_requestLineBefore = lru_cache(maxsize=REQUEST_LINES_KEPT)(_readRequestLine)


def _one(headers: list[tuple[str, str]], title: str) -> str:
    return next(value for name, value in headers if name == title)


def _admitted(frame: Frame, startLine: str, headers: list[tuple[str, str]], method: str, transport: str) -> Admitted:
    """Join the parts to a message, its body cut to the length it says (RFC 3261 section 18.3)."""
    body = frame.body
    lengths = list(dict.fromkeys(frame.values("content-length")))
    if len(lengths) > 1:
        raise Refusal(400, "Repeated Content-Length")
    if lengths:
        if not _LENGTH(lengths[0]):
            raise Refusal(400, "Misspelt Content-Length")
        length = int(lengths[0])
        if length > len(body):
            raise Broken(400, "Content-Length Beyond The Message")
        body = body[:length]
    elif transport != "UDP":
        raise Refusal(400, "Missing Content-Length")
    parts: tuple[Part, ...] = ()
    if body and method in _DESCRIBING:
        body, headers, parts = _described(frame, body, headers, isRequest=startLine[:4] != "SIP/")
    try:
        content = body.decode()
    except UnicodeDecodeError:
        # What is passed on to others must not look like text that it is not.
        content = body.decode("ascii", "replace") if method in _PASSED_ON else body.decode("latin-1")
    text = _text(startLine, headers, content)
    return Admitted(text, startLine[:4] != "SIP/", method, startLine, tuple(headers), body, parts)


def _text(startLine: str, headers: list[tuple[str, str]], content: str) -> str:
    lines = [startLine, *[f"{title}: {value}" for title, value in headers]]
    return "\r\n".join(lines) + f"\r\nContent-Length: {len(content)}\r\n\r\n{content}"


def _isEncoded(frame: Frame, body: bytes) -> bool:
    """Is it in a form that we do not read (RFC 3261 section 8.2.3)?  Some name one, and write plain text."""
    encoding = next(iter(frame.values("content-encoding")), "").strip().lower()
    return encoding not in ("", "identity") and body.lstrip()[:2].lower() not in (b"v=", b"--")


def _described(
    frame: Frame, body: bytes, headers: list[tuple[str, str]], isRequest: bool
) -> tuple[bytes, list[tuple[str, str]], tuple[Part, ...]]:
    """The SDP in a body, what the headers say then, and what else is in the body and may be passed over."""
    if isRequest and _isEncoded(frame, body):
        raise Refusal(415, "Unsupported Media Type", "Accept-Encoding: identity")
    contentType = next(iter(frame.values("content-type")), multipart.SDP)
    if contentType.partition(";")[0].strip().lower() == multipart.SDP:
        return body, headers, ()
    try:
        content = multipart.read(contentType, next(iter(frame.values("content-disposition")), ""), body)
    except MalformedError as problem:
        if not isRequest:
            return body, headers, ()
        raise Refusal(400, f"{problem}".capitalize()) from problem
    if content.required and not multipart.isMultipart(contentType):
        return body, headers, ()  # the reader of SDP sees that it is none
    if content.required and isRequest:
        raise Refusal(415, "Unsupported Media Type", f"Accept: {ACCEPT}")
    kept = [(title, value) for title, value in headers if not title.startswith("Content-")]
    if content.sdp is None:
        return b"", kept, content.others
    return content.sdp, [*kept, ("Content-Type", multipart.SDP)], content.others
