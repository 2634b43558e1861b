# -*- test-case-name: ichatgw.test.sip.auth.test_digest -*-
"""
Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760): reading and answering challenges.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from secrets import token_hex

from attrs import frozen

from ichatgw.config.reading.credentials import Credentials
from ichatgw.errors import MalformedError

LONGEST = 4096
"""Characters of a header that we care to read: some nonces are signed documents."""

_HASHES: dict[str, str] = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_BEST_FIRST = ("SHA-512-256", "SHA-256", "MD5")
_SCHEME = re.compile(r"[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?=[ \t]+[^=\s]|[ \t]*(?:,|$))(?![ \t]*=)").match
_TICKET = re.compile(r"[ \t]+[A-Za-z0-9._~+/-]+=*[ \t]*(?:,|$)").match
"""What other schemes have in the place of parameters (RFC 9110 section 11.2)."""
_PARAMETER = re.compile(
    r"[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,\"]*))"
).match


@frozen
class Challenge:
    """
    What WWW-Authenticate or Proxy-Authenticate asks for.

    @ivar algorithm: one that we know, in the spelling of RFC 8760, without C{-sess}.
    @ivar session: C{-sess} was asked for.
    @ivar quality: the C{qop} to answer with, C{auth} if that is offered, else C{auth-int}; empty if none is: then the
        answer is that of RFC 2069.
    @ivar stale: the last answer was right, and its nonce too old.
    """

    realm: str
    nonce: str
    algorithm: str = "MD5"
    session: bool = False
    quality: str = "auth"
    opaque: str | None = None
    stale: bool = False


def readParameters(text: str) -> list[tuple[str, dict[str, str]]]:
    """
    The schemes of an authentication header in lower case, each with its parameters.

    @raise MalformedError: if that cannot be read.
    """
    if len(text) > LONGEST:
        raise MalformedError("an authentication header of more than 4 KiB")
    found: list[tuple[str, dict[str, str]]] = []
    at, end = 0, len(text.rstrip(" \t,"))
    while at < end:
        scheme, parameter = _SCHEME(text, at), _PARAMETER(text, at)
        if parameter is not None and found:
            name, quoted, plain = parameter.groups()
            found[-1][1].setdefault(name.lower(), plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
            at = parameter.end()
        elif scheme is not None:
            found.append((scheme[1].lower(), {}))
            ticket = _TICKET(text, scheme.end())
            at = scheme.end() if ticket is None else ticket.end()
        else:
            raise MalformedError("a misspelt authentication header")
    return found


def challenges(texts: Iterable[str]) -> list[Challenge]:
    """
    The challenges that we can meet, the best algorithm first.

    @param texts: the values of the headers of one name.
    """
    found: list[Challenge] = []
    for text in texts:
        try:
            for scheme, parameters in readParameters(text):
                challenge = _challenge(parameters) if scheme == "digest" else None
                if challenge is not None:
                    found.append(challenge)
        except MalformedError:
            continue
    return sorted(found, key=lambda challenge: _BEST_FIRST.index(challenge.algorithm))


def _challenge(parameters: Mapping[str, str]) -> Challenge | None:
    algorithm, session, _ = (parameters.get("algorithm") or "MD5").upper().partition("-SESS")
    offered = {each.strip().lower() for each in parameters.get("qop", "").split(",")} - {""}
    if algorithm not in _HASHES or "realm" not in parameters or "nonce" not in parameters:
        return None
    quality = next((each for each in ("auth", "auth-int") if each in offered), "")
    if offered and not quality:
        return None
    return Challenge(
        parameters["realm"],
        parameters["nonce"],
        algorithm,
        bool(session),
        quality,
        parameters.get("opaque"),
        parameters.get("stale", "").lower() == "true",
    )


def answer(
    challenge: Challenge,
    credentials: Credentials,
    method: str,
    uri: str,
    draw: Callable[[], str] = lambda: token_hex(8),
    count: int = 1,
    body: str = "",
) -> str:
    """
    The value of Authorization or Proxy-Authorization (RFC 7616 section 3.4).

    @param uri: the Request-URI as it is sent.
    @param draw: gives the client's nonce.
    @param count: how many requests have been answered for with this nonce, this one included.
    @param body: that of the request.
    """
    once = draw()
    nc = f"{count:08x}"
    secret = digestHash(challenge.algorithm, credentials.user, challenge.realm, credentials.password)
    if challenge.session:
        secret = digestHash(challenge.algorithm, secret, challenge.nonce, once)
    content = body if challenge.quality == "auth-int" else None
    quality = bool(challenge.quality)
    response = digestResponse(
        challenge.algorithm, secret, Use(challenge.nonce, once, nc), quality, method, uri, content
    )
    parts = [
        f"username={quoted(credentials.user)}",
        f"realm={quoted(challenge.realm)}",
        f"nonce={quoted(challenge.nonce)}",
        f"uri={quoted(uri)}",
        f'response="{response}"',
        f"algorithm={challenge.algorithm}{'-sess' if challenge.session else ''}",
    ]
    if challenge.quality:
        parts += [f"qop={challenge.quality}", f"nc={nc}"]
    if challenge.quality or challenge.session:
        parts.append(f'cnonce="{once}"')
    if challenge.opaque is not None:
        parts.append(f"opaque={quoted(challenge.opaque)}")
    return "Digest " + ", ".join(parts)


def nextNonce(texts: Iterable[str]) -> str:
    """
    The nonce that the next request is to use, as Authentication-Info says (RFC 7616 section 3.5); empty if it does not.

    @param texts: the values of the headers of one name.
    """
    for text in texts:
        try:
            # Without a scheme of its own it is read as if it had one.
            ((_, parameters),) = readParameters(f"Digest {text}")
        except (MalformedError, ValueError):
            continue
        if parameters.get("nextnonce"):
            return parameters["nextnonce"]
    return ""


@frozen
class Use:
    """
    The use of a nonce for one request.

    @ivar nonce: the server's.
    @ivar once: the client's.
    @ivar count: C{nc}, eight hexadecimal digits.
    """

    nonce: str
    once: str
    count: str


def digestResponse(
    algorithm: str,
    secret: str,
    use: Use,
    quality: bool,
    method: str,
    uri: str,
    body: str | None = None,
) -> str:
    """
    The C{response} of RFC 7616 section 3.4.1.

    @param secret: the hash of name, realm and password.
    @param quality: with C{qop}; without it as RFC 2069 has it.
    @param body: of the request, for C{qop=auth-int}; C{None} for C{auth}.
    """
    content = () if body is None else (digestHash(algorithm, body),)
    what = digestHash(algorithm, method, uri, *content)
    if quality:
        return digestHash(
            algorithm, secret, use.nonce, use.count, use.once, "auth" if body is None else "auth-int", what
        )
    return digestHash(algorithm, secret, use.nonce, what)


def digestHash(algorithm: str, *parts: str) -> str:
    """
    The hash of C{parts} with colons between them, in hexadecimal digits.

    @param algorithm: a name of RFC 8760.
    """
    digest = hashlib.new(_HASHES[algorithm], usedforsecurity=False)
    digest.update(":".join(parts).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def quoted(text: str) -> str:
    """C{text} as a quoted string (RFC 3261 section 25.1)."""
    return '"' + re.sub(r'([\\"])', r"\\\1", text) + '"'
