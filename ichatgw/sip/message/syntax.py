# -*- test-case-name: ichatgw.test.sip.message.test_gate,ichatgw.test.sip.message.test_headers,ichatgw.test.sip.message.test_uris,ichatgw.test.sip.leg.test_acceptance -*-  # noqa: E501
"""
The small grammars inside SIP header values: quoted strings, parameters, URIs, name-addr, Via.

Each function takes the text of a peer and gives the same thing in a plain form: white space where the grammar needs it
and nowhere else, names of parameters in lower case, nothing in it that sippy's C{split(";")}, C{split("<")} and
C{find('"')} would take for something else.  URIs within a header stay as they came, if they can be read: they go back
to the host that wrote them.  What cannot be read raises L{MalformedError}.  Every function is linear in
the length of its input.

The grammar is that of RFC 3261 section 25.1, with the liberties that RFC 4475 and RFC 5118 ask for.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote

from ichatgw.errors import MalformedError
from ichatgw.model import TELEPHONE_HOST

BLANKS = " \t"
MAX_PARAMETERS = 40
"""Of one value; sippy's cost grows with their square."""

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
_HOST = r"[A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\]"

isToken = re.compile(_TOKEN).fullmatch

_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("?)', re.DOTALL)
_ANGLES = re.compile(r"<[^<>]*>?")
_BRACKETED_URI = re.compile(r"<[A-Za-z][A-Za-z0-9+.\-]*:[^<>]*>")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_VALUE = re.compile(r'[^\s";,<>]+|"[^"]*"')
SEMICOLON = "\ue03b"
"""Stands for a semicolon in a quoted value, where sippy would see the end of it."""

_VALUED = frozenset({"branch", "received"})
_ADDRESSES = frozenset({"pub-gruu", "temp-gruu"})
_MISREAD = re.compile(r'".*[;\\]', re.DOTALL)
_PLAIN_PORT = r"(?:[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3})"
_PLAIN = (
    r"sips?:(?:[A-Za-z0-9_.!~*'()&=+$\-]+@)?[A-Za-z0-9.\-]+"
    rf"(?::{_PLAIN_PORT})?"
    r"(?:;(?:lr|ob|user=phone|transport=(?:udp|tcp|tls)))?"
)
_PLAIN_URI = re.compile(_PLAIN).fullmatch
_PLAIN_ADDRESS = re.compile(rf'(?:"[^"\\<>]*" ?|[A-Za-z0-9.!_+\- ]*)<{_PLAIN}>(?:;tag={_TOKEN})?').fullmatch
_PLAIN_VIA = re.compile(
    rf"SIP/2\.0/[A-Z]+ [A-Za-z0-9.\-]+(?::{_PLAIN_PORT})?(?:;rport)?(?:;branch={_TOKEN})?(?:;rport)?(?:;alias)?"
).fullmatch
_URI = re.compile(
    rf'(sips?):(?:([^@\s<>"]*)@)?({_HOST})(?::([0-9]{{1,5}}))?((?:;[^;?\s<>"@,]+)*);?(?:\?([^\s<>"]*))?', re.IGNORECASE
).fullmatch
_TAG = re.compile(rf";[ \t]*tag[ \t]*=[ \t]*({_TOKEN})", re.IGNORECASE)
_URI_HEADERS = re.compile(r"[^=&]+=[^=&]*(?:&[^=&]+=[^=&]*)*").fullmatch
_SCHEME = re.compile(r'([A-Za-z][A-Za-z0-9+.\-]*):[^\s<>"]+').fullmatch
_ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")
_STRUCTURAL = frozenset('%@:; "<>\\')
_ILLEGAL_IN_USER = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-_.!~*'()&=+$,;?/%]")
_SAFE_IN_USER = "-_.!~*'()&=+$,?/"
_BYTE = re.compile(r"[0-9]{1,3}").fullmatch
_VISUAL_SEPARATORS = re.compile(r"[-.()]")
_TELEPHONE_NUMBER = re.compile(r"\+?[0-9A-Fa-f*#]+").fullmatch
_CONTEXT = re.compile(r"[A-Za-z0-9.\-]+").fullmatch
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
    return [piece.strip(BLANKS) for piece in _cutUnquoted(text, masked, separator)]


def _cutUnquoted(text: str, masked: str, separator: str) -> Iterator[str]:
    start = 0
    for piece in masked.split(separator):
        yield text[start : start + len(piece)]
        start += len(piece) + 1


def listItems(text: str) -> list[str]:
    """The items of a comma-separated header; commas in quotes and in angle brackets are not separators."""
    if "," not in text:
        return [text]
    masked = _ANGLES.sub(lambda match: "_" * len(match[0]), mask(text))
    return splitUnquoted(text, masked, ",")


def addressItems(text: str) -> list[str]:
    """
    The items of a header that lists addresses.  A comma in a display name without quotes is none between items: what is
    before it holds neither a URI nor brackets.
    """
    try:
        items = listItems(text)
    except MalformedError:
        return [text]  # a quote that does not end
    whole: list[str] = []
    begun = ""
    for item in items:
        begun += item
        if not item or ":" in item or "<" in item:
            whole.append(begun)
            begun = ""
        elif begun:
            begun += ", "
    return [*whole, begun] if begun else whole


def parameters(text: str, isAddress: bool = False) -> str:
    """
    The parameters behind an address or a Via, from the first semicolon on.

    Phones write C{;} at the end, and C{rport=} or C{epid=}.  Behind an address one that says nothing, or what cannot be
    read, is left out: nothing but the tag is asked for there, and one that is empty is none.  Elsewhere one without its
    value is as if it had no sign for it, but for those that mean nothing then.  Several semicolons in a row are a fault
    all the same (RFC 4475 section 3.1.2.1).
    A parameter whose quoted value holds a semicolon or a backslash is left out: sippy would see other parameters in it.
    In those that hold an address a L{SEMICOLON} stands for each.
    @raise MalformedError: if one is empty, misspelt or repeated.
    """
    if not text:
        return ""
    first, *pieces = splitUnquoted(text, mask(text), ";")
    if pieces and not pieces[-1]:
        del pieces[-1]
    if first or len(pieces) > MAX_PARAMETERS:
        raise MalformedError("parameters without a semicolon, or too many of them")
    found: dict[str, str] = {}
    for piece in pieces:
        name, equals, value = _parameter(piece)
        if isAddress and _saysNothing(piece):
            continue
        if not isToken(name) or name in found:
            raise MalformedError("an empty, misspelt or repeated parameter")
        if _MISREAD.match(value) and (name not in _ADDRESSES or "\\" in value):
            continue
        if equals and not _VALUE.fullmatch(value):
            raise MalformedError(f"the value of parameter {name} is misspelt")
        if name in _ADDRESSES:
            value = value.replace(";", SEMICOLON)
        found[name] = f";{name}={value}" if equals else f";{name}"
    return "".join(found.values())


def _parameter(piece: str) -> tuple[str, str, str]:
    """Name, sign and value; the sign alone counts only where the parameter means nothing without its value."""
    name, equals, value = piece.partition("=")
    name, value = name.rstrip(BLANKS).lower(), value.lstrip(BLANKS)
    return name, equals if value or name in _VALUED else "", value


def _saysNothing(piece: str) -> bool:
    """Is it one that may be left out behind an address?"""
    name, equals, value = piece.partition("=")
    name, value = name.rstrip(BLANKS).lower(), value.lstrip(BLANKS)
    if not isToken(name):
        return False
    return bool(equals) if not value else name != "tag" and _VALUE.fullmatch(value) is None


def uri(text: str, keepHeaders: bool = False) -> str:
    """
    A SIP or SIPS URI (RFC 3261 section 19.1).

    Header fields in it go unless C{keepHeaders}.  The user part stays as it is.  C{:::} in an IPv6 reference means
    C{::} (RFC 5118 section 4.10).

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
        parts += user, "@"
    parts += _host(host), _port(port)
    if extras:
        pieces = extras[1:].split(";")
        if len(pieces) > MAX_PARAMETERS:
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


def checked(text: str, keepHeaders: bool = False, anyScheme: bool = False) -> str:
    """
    A URI as it came, which can be read; header fields in it go unless C{keepHeaders}.

    @raise UnknownScheme: if it is a URI of another scheme, and not C{anyScheme}.
    @raise MalformedError: if it is none.
    """
    try:
        uri(text, keepHeaders)
    except UnknownScheme:
        if not anyScheme:
            raise
        borrowed(text)
        return text
    if keepHeaders or "?" not in text:
        return text
    user, at, rest = text.rpartition("@")
    return f"{user}{at}{rest.partition('?')[0]}"


def escaped(user: str) -> str:
    """The user part of a URI, as a person may have written it: what must not stand there is escaped, all else stays."""
    return _ILLEGAL_IN_USER.sub(lambda found: quote(found[0], safe="", errors="replace"), user)


def userOfText(text: str) -> str:
    """Text as the user part of a URI: all but what means nothing there is escaped."""
    return quote(text, safe=_SAFE_IN_USER, errors="replace")


def legible(user: str) -> str:
    """
    A user part without needless escapes (RFC 3261 section 19.1.4), as people write it.

    Escaped stay the marks that end it or have a meaning in it (C{@ : ; %}), blanks, quotes, brackets and whatever is no
    text.
    """
    return _ESCAPES.sub(_unescaped, user) if "%" in user else user


def _unescaped(match: re.Match[str]) -> str:
    try:
        text = unquote(match[0], errors="strict")
    except UnicodeDecodeError:
        return match[0]
    return "".join(quote(c, safe="") if c in _STRUCTURAL or not c.isprintable() else c for c in text)


def borrowed(text: str) -> str:
    """
    A SIP URI in place of one of another scheme, for sippy, which knows no other.

    C{tel:+1-201-555} becomes C{sip:+1201555@tel.invalid;user=phone}, a context goes with the number (RFC 3261 section
    19.1.6); of another one the whole text becomes the user part, escaped, at C{<scheme>.invalid}.

    @raise MalformedError: if it is no URI.
    """
    match = _SCHEME(text)
    if match is None:
        raise MalformedError("a misspelt URI")
    scheme = match[1].lower()
    if scheme != "tel":
        return f"sip:{quote(text, safe='')}@{scheme.replace('+', '-')}.invalid"
    number, context = telephone(text)
    where = f";phone-context={context}" if context else ""
    return f"sip:{escaped(number)}{where}@{TELEPHONE_HOST};user=phone"


def telephone(text: str) -> tuple[str, str]:
    """
    The number in a C{tel} URI (RFC 3966) without marks for the eye, and the domain within which it counts, if it says
    one.  A number that counts within a country or an exchange, C{7042;phone-context=+4930}, is given in full.

    @raise MalformedError: if it is none.
    """
    written, *rest = text[4:].split(";")
    number = _VISUAL_SEPARATORS.sub("", unquote(written))
    context = next((value for name, _, value in map(_parted, rest) if name.lower() == "phone-context"), "")
    prefix = _VISUAL_SEPARATORS.sub("", context) if context.startswith("+") else ""
    if not _TELEPHONE_NUMBER(number) or (prefix and not _TELEPHONE_NUMBER(prefix)):
        raise MalformedError("a misspelt telephone number")
    if prefix:
        return (number if number.startswith("+") else prefix + number), ""
    return number, context if _CONTEXT(context) and not number.startswith("+") else ""


def _parted(text: str) -> tuple[str, str, str]:
    return text.partition("=")


def nameAddress(text: str, anyScheme: bool = False, keepHeaders: bool = False) -> str:
    """
    A name-addr or addr-spec with its parameters, as C{"Name" <uri>;parameters}.

    The display name is for show, and nothing in it is a fault.  In it, quotes, backslashes and angle brackets become
    C{' / ( )}: sippy looks for them without heed to the quoting around them.  A URI without angle brackets must not
    hold a question mark or a comma (RFC 3261 section 20), and its parameters are the header's.

    @raise UnknownScheme: if the URI is not SIP's and not C{anyScheme}.
    @raise MalformedError: if it cannot be read.
    """
    if _PLAIN_ADDRESS(text):
        return text
    opening, closing = _brackets(text)
    name = ""
    if opening < 0:
        spec, semicolon, rest = text.partition(";")
        spec, rest = spec.rstrip(BLANKS), semicolon + rest
        if "?" in spec or "," in spec:
            raise MalformedError("a URI that needs angle brackets has none")
    else:
        name = _displayName(text[:opening].strip(BLANKS))
        spec, rest = text[opening + 1 : closing], text[closing + 1 :].lstrip(BLANKS)
    return f"{name}<{checked(spec, keepHeaders, anyScheme)}>{parameters(rest, isAddress=True)}"


def tagged(text: str) -> str:
    """
    In place of the To of a response, which cannot be read, one that has the tag that its writer may have meant: all
    else in it is ours anyway.
    """
    tag = _TAG.search(text)
    return f"<sip:unreadable.invalid>;tag={tag[1]}" if tag is not None else "<sip:unreadable.invalid>"


def _brackets(text: str) -> tuple[int, int]:
    """
    Where the brackets around the URI are; -1 twice if there are none.

    @raise MalformedError: if one does not close.
    """
    try:
        masked = mask(text)
        found = _BRACKETED_URI.search(masked)  # the name may have brackets of its own
        opening = masked.find("<") if found is None else found.start()
    except MalformedError:
        # A quote in the name that does not end: the URI is behind it.
        masked, opening = text, text.rfind("<")
    closing = masked.find(">", opening) if opening >= 0 else -1
    if opening >= 0 and closing < 0:
        raise MalformedError("an angle bracket does not close")
    return opening, closing


def _displayName(text: str) -> str:
    match = _QUOTED.fullmatch(text)
    if match is not None and match[1]:
        text = _ESCAPE.sub(r"\1", text[1:-1])
    elif '"' in text:
        text = " ".join(text.replace('"', " ").split())  # it is quoted twice, or by half
    return f'"{text.translate(_BRACKETS)}" ' if text else ""


def via(text: str) -> str:
    """
    One value of Via (RFC 3261 section 20.42), as C{SIP/2.0/UDP host:port;parameters}, for reading; a response repeats
    it as it came (section 8.2.6.2).

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


def readable(vias: Sequence[str]) -> Sequence[str]:
    """
    Those values of Via as they came.

    @raise MalformedError: if one cannot be read.
    """
    for each in vias:
        via(each)
    return vias


def stampedVia(text: str, host: str, port: int, always: bool = False) -> str:
    """
    A Via that can be read, as it came, and where the message really came from (RFC 3261 section 18.2.1, RFC 3581).

    C{received} is always written, as a bare IP literal, and C{rport} where the sender asked for it; whatever a peer
    wrote there goes, lest an answer be sent to another host.

    @param always: write C{rport} unasked: on a stream the answer goes back over the connection (RFC 3261 section
        18.2.2), whatever port the sender listens at.
    """
    kept = []
    wanted = always
    for part in _cutUnquoted(text, mask(text), ";"):
        name = part.partition("=")[0].strip(BLANKS).lower()
        if name == "rport":
            wanted = True
        elif name != "received":
            kept.append(part)
    if not kept[-1].strip(BLANKS):
        del kept[-1]  # what it says ends with a semicolon
    kept.append(f"received={host}")
    if wanted:
        kept.append(f"rport={port}")
    return ";".join(kept)
