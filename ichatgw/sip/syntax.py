# -*- test-case-name: ichatgw.test.test_sip_gate,ichatgw.test.test_sip_headers -*-
"""
The small grammars inside SIP header values: quoted strings, parameters, URIs, name-addr, Via.

Each function takes the text of a peer and gives the same thing in a plain form: white space where the grammar needs it
and nowhere else, names of parameters in lower case, nothing in it that sippy's C{split(";")}, C{split("<")} and
C{find('"')} would take for something else.  What cannot be read raises L{MalformedError}.  Every function is linear in
the length of its input.

The grammar is that of RFC 3261 section 25.1, with the liberties that RFC 4475 and RFC 5118 ask for.
"""

from __future__ import annotations

import re
import socket
from urllib.parse import quote

from ichatgw.errors import MalformedError

BLANKS = " \t"
MOST_PARAMETERS = 40
"""Of one value; sippy's cost grows with their square."""

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
_HOST = r"[A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\]"

isToken = re.compile(_TOKEN).fullmatch

_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("?)', re.DOTALL)
_ANGLES = re.compile(r"<[^<>]*>?")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_VALUE = re.compile(r'[^\s";,<>]+|"[^"]*"')
_MISREAD = re.compile(r'".*[;\\]', re.DOTALL)
_PLAIN = (
    r"sips?:(?:[A-Za-z0-9_.!~*'()&=+$\-]+@)?[A-Za-z0-9.\-]+(?::[1-9][0-9]{1,3})?"
    r"(?:;(?:lr|ob|user=phone|transport=(?:udp|tcp|tls)))?"
)
_PLAIN_URI = re.compile(_PLAIN).fullmatch
_PLAIN_ADDRESS = re.compile(rf'(?:"[^"\\<>]*" ?|[A-Za-z0-9.!_+\- ]*)<{_PLAIN}>(?:;tag={_TOKEN})?').fullmatch
_PLAIN_VIA = re.compile(
    rf"SIP/2\.0/[A-Z]+ [A-Za-z0-9.\-]+(?::[1-9][0-9]{{1,3}})?(?:;rport)?(?:;branch={_TOKEN})?(?:;rport)?(?:;alias)?"
).fullmatch
_URI = re.compile(
    rf'(sips?):(?:([^@\s<>"]*)@)?({_HOST})(?::([0-9]{{1,5}}))?((?:;[^;?\s<>"@,]+)*)(?:\?([^\s<>"]*))?', re.IGNORECASE
).fullmatch
_URI_HEADERS = re.compile(r"[^=&]+=[^=&]*(?:&[^=&]+=[^=&]*)*").fullmatch
_SCHEME = re.compile(r'([A-Za-z][A-Za-z0-9+.\-]*):[^\s<>"]+').fullmatch
_CONTROL_ESCAPE = re.compile(r"%(?=[01][0-9A-F]|7F|C2%[89][0-9A-F]|E2%80%A[89])", re.IGNORECASE)
_BYTE = re.compile(r"[0-9]{1,3}").fullmatch
_VISUAL_SEPARATORS = re.compile(r"[-.()]")
_TELEPHONE_NUMBER = re.compile(r"\+?[0-9A-Fa-f*#]+").fullmatch
_VIA = re.compile(
    rf"SIP[ \t]*/[ \t]*([0-9]\.[0-9])[ \t]*/[ \t]*({_TOKEN})[ \t]+({_HOST})[ \t]*(?::[ \t]*([0-9]{{1,5}}))?"
    r"[ \t]*(;.*)?",
    re.IGNORECASE | re.DOTALL,
).fullmatch
_RPORT = re.compile(r";rport=([^;]*)")
_BARE_RECEIVED = re.compile(r";received(?:;|$)")
_PORT = re.compile(r"[0-9]{1,5}").fullmatch
_BRACKETS = str.maketrans({"<": "(", ">": ")", '"': "'", "\\": "/"})


class UnknownScheme(MalformedError):
    """A URI is none of SIP's own."""


def mask(text: str) -> str:
    """
    C{text} with all that is quoted blotted out, every other character in its place.

    @raise MalformedError: if a quoted string does not end.
    """
    return _QUOTED.sub(_blot, text) if '"' in text else text


def _blot(match: re.Match[str]) -> str:
    if not match[1]:
        raise MalformedError("a quoted string does not end")
    return '"' + "_" * (len(match[0]) - 2) + '"'


def splitUnquoted(text: str, masked: str, separator: str) -> list[str]:
    """Cut C{text} at each C{separator} that C{masked} (of the same length) still shows; blanks go."""
    parts = []
    start = 0
    for piece in masked.split(separator):
        parts.append(text[start : start + len(piece)].strip(BLANKS))
        start += len(piece) + 1
    return parts


def listItems(text: str) -> list[str]:
    """The items of a comma-separated header; commas in quotes and in angle brackets are not separators."""
    if "," not in text:
        return [text]
    masked = _ANGLES.sub(lambda match: "_" * len(match[0]), mask(text))
    return splitUnquoted(text, masked, ",")


def parameters(text: str) -> str:
    """
    The parameters behind an address or a Via, from the first semicolon on.

    A parameter whose quoted value holds a semicolon or a backslash is left out: sippy would see other parameters in it.
    @raise MalformedError: if one is empty, misspelt or repeated.
    """
    if not text:
        return ""
    first, *pieces = splitUnquoted(text, mask(text), ";")
    if first or len(pieces) > MOST_PARAMETERS:
        raise MalformedError("parameters without a semicolon, or too many of them")
    found: dict[str, str] = {}
    for piece in pieces:
        name, equals, value = piece.partition("=")
        name, value = name.rstrip(BLANKS).lower(), value.lstrip(BLANKS)
        if not isToken(name) or name in found:
            raise MalformedError("an empty, misspelt or repeated parameter")
        if _MISREAD.match(value):
            continue
        if equals and not _VALUE.fullmatch(value):
            raise MalformedError(f"the value of parameter {name} is misspelt")
        found[name] = f";{name}={value}" if equals else f";{name}"
    return "".join(found.values())


def uri(text: str, keepHeaders: bool = False) -> str:
    """
    A SIP or SIPS URI (RFC 3261 section 19.1).

    Header fields in it go unless C{keepHeaders}.  Escapes that would become control characters or line breaks in the
    user part (RFC 4475 section 3.1.1.4) become their own text, C{%2500} for C{%00}, so that no NUL reaches anybody.
    C{:::} in an IPv6 reference means C{::} (RFC 5118 section 4.10).

    @raise UnknownScheme: if it is a URI of another scheme.
    @raise MalformedError: if it is none.
    """
    if _PLAIN_URI(text):
        return text
    match = _URI(text)
    if match is None:
        other = _SCHEME(text)
        if other and other[1].lower() not in ("sip", "sips"):
            raise UnknownScheme(f"scheme {other[1][:20]} is not SIP's")
        raise MalformedError("a misspelt URI")
    scheme, user, host, port, extras, headers = match.groups()
    parts = [scheme.lower(), ":"]
    if user is not None:
        parts += _CONTROL_ESCAPE.sub("%25", user), "@"
    parts += _host(host), _port(port)
    if extras:
        pieces = extras[1:].split(";")
        if len(pieces) > MOST_PARAMETERS:
            raise MalformedError("too many URI parameters")
        parts += map(_uriParameter, pieces)
    if headers is not None and keepHeaders:
        if not _URI_HEADERS(headers):
            raise MalformedError("misspelt headers in a URI")
        parts += "?", headers
    return "".join(parts)


def _host(text: str) -> str:
    if not text.startswith("["):
        return text
    literal = text[1:-1].replace(":::", "::")
    try:
        socket.inet_pton(socket.AF_INET6, literal)
    except OSError:
        raise MalformedError("a misspelt IPv6 reference") from None
    return f"[{literal}]"


def _port(text: str | None) -> str:
    if text is None:
        return ""
    if not 1 <= int(text) <= 65535:
        raise MalformedError("a port is not within 1..65535")
    return f":{int(text)}"


def _uriParameter(text: str) -> str:
    name, equals, value = text.partition("=")
    name = name.lower()
    if not name or (name == "ttl" and not (_BYTE(value) and int(value) <= 255)):
        raise MalformedError("a misspelt URI parameter")
    if name == "transport":
        value = value.lower()
    return f";{name}{equals}{value}"


TELEPHONE_HOST = "tel.invalid"
"""The host of a number that was said without one."""


def borrowed(text: str) -> str:
    """
    A SIP URI in place of one of another scheme, for headers that only name somebody.

    C{tel:+1-201-555} becomes C{sip:+1201555@tel.invalid;user=phone} (RFC 3261 section 19.1.6); of another one the whole
    text becomes the user part, escaped, at C{<scheme>.invalid}.

    @raise MalformedError: if it is no URI.
    """
    match = _SCHEME(text)
    if match is None:
        raise MalformedError("a misspelt URI")
    scheme = match[1].lower()
    if scheme != "tel":
        return f"sip:{quote(text, safe='')}@{scheme.replace('+', '-')}.invalid"
    number = _VISUAL_SEPARATORS.sub("", text[4:].partition(";")[0])
    if not _TELEPHONE_NUMBER(number):
        raise MalformedError("a misspelt telephone number")
    return f"sip:{number.replace('#', '%23')}@{TELEPHONE_HOST};user=phone"


def nameAddress(text: str, anyScheme: bool = False, keepHeaders: bool = False) -> str:
    """
    A name-addr or addr-spec with its parameters, as C{"Name" <uri>;parameters}.

    In the display name, quotes, backslashes and angle brackets become C{' / ( )}: sippy looks for them without heed to
    the quoting around them.  A URI without angle brackets must not hold a question mark or a comma (RFC 3261 section
    20), and its parameters are the header's.

    @raise UnknownScheme: if the URI is not SIP's and not C{anyScheme}.
    @raise MalformedError: if it cannot be read.
    """
    if _PLAIN_ADDRESS(text):
        return text
    masked = mask(text)
    opening = masked.find("<")
    name = ""
    if opening < 0:
        spec, semicolon, rest = text.partition(";")
        spec, rest = spec.rstrip(BLANKS), semicolon + rest
        if "?" in spec or "," in spec:
            raise MalformedError("a URI that needs angle brackets has none")
    else:
        closing = masked.find(">", opening)
        if closing < 0:
            raise MalformedError("an angle bracket does not close")
        name = _displayName(text[:opening].strip(BLANKS))
        spec, rest = text[opening + 1 : closing], text[closing + 1 :].lstrip(BLANKS)
    try:
        address = uri(spec, keepHeaders)
    except UnknownScheme:
        if not anyScheme:
            raise
        address = borrowed(spec)
    return f"{name}<{address}>{parameters(rest)}"


def _displayName(text: str) -> str:
    if text.startswith('"'):
        match = _QUOTED.fullmatch(text)
        if match is None:
            raise MalformedError("a misspelt display name")
        text = _ESCAPE.sub(r"\1", text[1:-1])
    elif any(mark in text for mark in '",;\\>'):
        raise MalformedError("a display name needs quotes")
    return f'"{text.translate(_BRACKETS)}" ' if text else ""


def via(text: str) -> str:
    """
    One value of Via (RFC 3261 section 20.42), as C{SIP/2.0/UDP host:port;parameters}.

    @raise MalformedError: if it cannot be read.
    """
    if _PLAIN_VIA(text):
        return text
    match = _VIA(text)
    if match is None:
        raise MalformedError("a misspelt Via")
    version, transport, host, port, rest = match.groups()
    extras = parameters(rest or "")
    answeredTo = _RPORT.search(extras)
    if answeredTo and not (_PORT(answeredTo[1]) and int(answeredTo[1]) <= 65535) or _BARE_RECEIVED.search(extras):
        raise MalformedError("a misspelt rport or received")
    return f"SIP/{version}/{transport} {_host(host)}{_port(port)}{extras}"


def stampedVia(text: str, host: str, port: int, always: bool = False) -> str:
    """
    A plain Via, saying where the message really came from (RFC 3261 section 18.2.1, RFC 3581).

    C{received} is always written, as a bare IP literal, and C{rport} where the sender asked for it; whatever a peer
    wrote there goes, lest an answer be sent to somebody else.

    @param always: write C{rport} unasked: on a stream the answer goes back over the connection (RFC 3261 section
        18.2.2), whatever port the sender listens at.
    """
    kept = []
    wanted = always
    for part in text.split(";"):
        name = part.partition("=")[0]
        if name == "rport":
            wanted = True
        elif name != "received":
            kept.append(part)
    kept.append(f"received={host}")
    if wanted:
        kept.append(f"rport={port}")
    return ";".join(kept)
