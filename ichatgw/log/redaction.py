# -*- test-case-name: ichatgw.test.log.test_redaction -*-
"""
What no log shows of messages, on either side: passwords, what proves them, keys of media, and what people write or key
in.

L{SECRETS} and L{CONTENTS} are the whole of it.  Nothing here has a clock or a log; each pattern takes a time that is
linear in the length of what it searches.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

from attrs import field, frozen

HIDDEN = "(not shown)"

_SIP_CREDENTIALS = r"(?:Proxy-)?Authorization"


@frozen
class Secret:
    """
    One kind of secret.

    @ivar hints: one of these is in every message that has such a secret, in lower case: the others are not searched.
    @ivar before: what comes before it, a regular expression.
    @ivar content: what it is made of.
    """

    hints: tuple[str, ...]
    before: str
    content: str
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        made = re.compile(f"({self.before})(?:{self.content})", re.IGNORECASE | re.MULTILINE)
        object.__setattr__(self, "pattern", made)


# A user's password in a URI (RFC 3261 section 19.1.1, RFC 3986 section 3.2.1); an apostrophe may be part of both.
_IN_URI = Secret(("@",), r"\b(?:sips?:|(?:https?|wss?|ftps?)://)[^@\s<>\":]{0,200}:", r"[^@\s<>\"]{1,200}(?=@)")

SECRETS = (
    _IN_URI,
    # Schemes of authentication that are not Digest (RFC 7235), or what should be one and has no parameters; a token is
    # a password.
    Secret(
        ("authorization",),
        rf"^{_SIP_CREDENTIALS}[ \t]*:(?!\s*Digest\s+[\w-]+\s*=)[ \t]*(?:[^\s,]+[ \t]+)?",
        r"[^\r\n]+",
    ),
    # The component's handshake (XEP-0114), of which a weak password could be guessed.
    Secret(("handshake",), r"<(?:\w+:)?handshake\b[^<>]*>", r"[^<]+"),
    # Passwords of users (XEP-0077, XEP-0078, XEP-0045), and the hash of one.
    Secret(("password", "digest"), r"<(?:[\w.-]+:)?(?:[\w-]*password|digest)\b[^<>]*>", r"[^<]+"),
    # SASL (RFC 6120 section 6.4, XEP-0388).
    Secret(
        ("xmpp-sasl",),
        r"<(?:\w+:)?(?:auth|challenge|response|success)\b[^<>]*xmpp-sasl[^<>]{0,200}>",
        r"[^<]+",
    ),
    Secret(
        ("initial-response", "additional-data"),
        r"<(?:\w+:)?(?:initial-response|additional-data)\b[^<>]*>",
        r"[^<]+",
    ),
    # Passwords of ICE and of TURN (XEP-0176, XEP-0215).
    Secret(("pwd", "password"), r"\b(?:pwd|password)\s*=\s*", r"\"[^\"]*\"|'[^']*'"),
    Secret(("ice-pwd",), r"^a=ice-pwd:", r"[^\r\n]+"),
    # Keys of media (RFC 4568, RFC 8866 section 5.12, RFC 4567, XEP-0167).
    Secret(("inline:",), r"\binline:[ \t]*", r"[^\s|\"'<;]+"),
    # The same misspelt, which is none the less a key: whatever comes after the tag, the suite and the method.
    Secret(
        ("a=crypto",),
        r"^a=crypto\b(?![^\r\n]*inline:):?[ \t]*(?:[0-9]{1,9}[ \t]+(?:\w+[ \t]+)?)?(?:\w+:[ \t]*)?",
        r"[^\r\n]+",
    ),
    Secret(("key-params",), r"\bkey-params\s*=\s*[\"'](?!inline:)", r"[^\"'<]+"),
    Secret(("k=",), r"^k=(?!prompt[ \t]*[\r\n])(?:[a-z0-9]+:)?", r"[^\r\n]+"),
    Secret(("a=key-mgmt:",), r"^a=key-mgmt:[ \t]*(?:\S+[ \t]+)?", r"[^\r\n]+"),
)
"""What is never shown."""

# Where several secrets may stand: what hints at it, all of it, what comes before each secret, what that is made of.
PLACES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    # Digest authentication (RFC 7616): a password could be guessed of it.  Another scheme may follow after a comma.
    (
        ("authorization", "authentication-info"),
        rf"^(?:{_SIP_CREDENTIALS}|(?:Proxy-)?Authentication-Info)[ \t]*:(?:[^\r\n]|\r?\n[ \t])*",
        r"(\b(?:response|rspauth)[ \t]*=\s*|,\s*(?!Digest\b)\w+[ \t]+(?=[^\s,=]))(?:\"[^\"\r\n]*\"?|[^\s,\"]+)",
    ),
)

_METHOD = re.compile(r"(INFO|MESSAGE|NOTIFY) \S+ SIP/2\.0\r?\n", re.IGNORECASE).match
_BODY = re.compile(r"\r?\n\r?\n").search
_SAYS_DIGITS = re.compile(
    r"^(?:Content-Type|c)[ \t]*:[^\r\n]*(?:dtmf|digit|telephone-event|kpml)", re.IGNORECASE | re.MULTILINE
)
_SAYS_PARTS = re.compile(r"^(?:Content-Type|c)[ \t]*:[ \t]*multipart", re.IGNORECASE | re.MULTILINE)
_IS_SIGNAL = re.compile(r"\s*Signal[ \t]*=", re.IGNORECASE)
_DTMF = re.compile(r"(<(?:\w+:)?dtmf\b[^<>]*\bcode\s*=\s*)(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_IS_MESSAGE = re.compile(r"<(?:\w+:)?message\b", re.IGNORECASE).match
_TEXT = re.compile(r"(?<=>)[^<>]+(?=<)")
# Forms (XEP-0004): a field, or a value of the field before.
_OF_FORM = re.compile(r"(<(?:\w+:)?field\b[^<>]*>)|(<(?:\w+:)?value\b[^<>]*>)[^<]+", re.IGNORECASE)
_IS_PRIVATE = re.compile(r"text-private|password|passwd|passphrase", re.IGNORECASE)

_PLACES = tuple(
    (hints, re.compile(place, re.IGNORECASE | re.MULTILINE), re.compile(secret, re.IGNORECASE))
    for hints, place, secret in PLACES
)


class Content(Enum):
    """
    What may be hidden beside secrets.

    C{DIGITS}: those that are keyed in during a call; a personal number may be among them.  C{TEXTS}: those and what
    people write to each other.
    """

    NONE = "none"
    DIGITS = "digits"
    TEXTS = "texts"


def redacted(message: str, content: Content = Content.DIGITS) -> str:
    """
    A message of SIP or a stanza of XMPP without its secrets and, by C{content}, without digits or texts.

    @param content: what is to be left out besides L{SECRETS}.
    """
    for hide in CONTENTS[content]:
        message = hide(message)
    lowered = message.lower()
    if "field" in lowered:
        message = _forms(message)
    for hints, place, secret in _PLACES:
        if any(hint in lowered for hint in hints):
            message = place.sub(lambda found, secret=secret: secret.sub(rf"\1{HIDDEN}", found[0]), message)  # type: ignore[misc]
    for each in SECRETS:
        if any(hint in lowered for hint in each.hints):
            message = each.pattern.sub(rf"\1{HIDDEN}", message)
    return message


def withoutPasswords(line: str) -> str:
    """A line of any kind without passwords in URIs."""
    return _IN_URI.pattern.sub(rf"\1{HIDDEN}", line) if "@" in line else line


def _forms(message: str) -> str:
    """Without the values of a form's fields that are private (XEP-0004 section 3.3), or named as passwords are."""
    isPrivate = False

    def shown(found: re.Match[str]) -> str:
        nonlocal isPrivate
        if found[1]:
            isPrivate = _IS_PRIVATE.search(found[1]) is not None
        return f"{found[2]}{HIDDEN}" if isPrivate and found[2] else found[0]

    return _OF_FORM.sub(shown, message)


def _digits(message: str) -> str:
    """
    Without the digits of an INFO (RFC 6086, C{application/dtmf-relay} and its like), of a MESSAGE or NOTIFY (RFC 4730)
    with such a body, or of XEP-0181.
    """
    method = _METHOD(message)
    if method is None:
        return _DTMF.sub(rf"\1{HIDDEN}", message)
    body = _BODY(message)
    if body is None:
        return message
    hides = _SAYS_DIGITS.search(message, 0, body.start()) is not None
    if method[1].upper() == "INFO":
        hides = hides or bool(_SAYS_PARTS.search(message, 0, body.start()) or _IS_SIGNAL.match(message, body.end()))
    return _bodiless(message) if hides else message


def _texts(message: str) -> str:
    """Without the texts of users: the body of a MESSAGE (RFC 3428), all text in a message of XMPP."""
    method = _METHOD(message)
    if method is not None:
        return _bodiless(message) if method[1].upper() == "MESSAGE" else message
    return _TEXT.sub(HIDDEN, message) if _IS_MESSAGE(message) else message


def _bodiless(message: str) -> str:
    body = _BODY(message)
    return message if body is None or body.end() == len(message) else message[: body.end()] + HIDDEN


CONTENTS: dict[Content, tuple[Callable[[str], str], ...]] = {
    Content.NONE: (),
    Content.DIGITS: (_digits,),
    Content.TEXTS: (_digits, _texts),
}
"""What is not shown if it is not wanted."""
