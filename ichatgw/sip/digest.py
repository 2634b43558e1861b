# -*- test-case-name: ichatgw.test.test_sip_digest -*-
"""
Digest authentication (RFC 3261 section 22, RFC 8760): what we answer to a challenge, and how we challenge others.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from secrets import token_hex

from attrs import define, field, frozen

from ichatgw.errors import MalformedError
from ichatgw.passwords import Credentials

NONCE_LIFE = 300
"""Seconds for which a nonce of ours holds."""

MOST_USED = 16384
"""How many answers to our challenges are remembered, so that none is taken twice."""

LONGEST = 2048
"""Characters of a header that we care to read."""

_HASHES: dict[str, str] = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_BEST_FIRST = ("SHA-512-256", "SHA-256", "MD5")
_SCHEME = re.compile(r"[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?=[ \t]+[^=\s]|[ \t]*(?:,|$))(?![ \t]*=)").match
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
        raise MalformedError("an authentication header of more than 2 KiB")
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while text[at:].strip(" \t,"):
        scheme, parameter = _SCHEME(text, at), _PARAMETER(text, at)
        if parameter is not None and found:
            name, quoted, plain = parameter.groups()
            found[-1][1].setdefault(name.lower(), plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
            at = parameter.end()
        elif scheme is not None:
            found.append((scheme[1].lower(), {}))
            at = scheme.end()
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
    secret = _hash(challenge.algorithm, credentials.user, challenge.realm, credentials.password)
    if challenge.session:
        secret = _hash(challenge.algorithm, secret, challenge.nonce, once)
    content = body if challenge.quality == "auth-int" else None
    quality = bool(challenge.quality)
    response = _response(challenge.algorithm, secret, challenge.nonce, once, nc, quality, method, uri, content)
    parts = [
        f"username={_quoted(credentials.user)}",
        f"realm={_quoted(challenge.realm)}",
        f"nonce={_quoted(challenge.nonce)}",
        f"uri={_quoted(uri)}",
        f'response="{response}"',
        f"algorithm={challenge.algorithm}{'-sess' if challenge.session else ''}",
    ]
    if challenge.quality:
        parts += [f"qop={challenge.quality}", f"nc={nc}"]
    if challenge.quality or challenge.session:
        parts.append(f'cnonce="{once}"')
    if challenge.opaque is not None:
        parts.append(f"opaque={_quoted(challenge.opaque)}")
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


def _response(
    algorithm: str,
    secret: str,
    nonce: str,
    once: str,
    count: str,
    quality: bool,
    method: str,
    uri: str,
    body: str | None = None,
) -> str:
    """@param body: of the request, for C{auth-int}; C{None} for C{auth}."""
    what = _hash(algorithm, method, uri) if body is None else _hash(algorithm, method, uri, _hash(algorithm, body))
    if quality:
        return _hash(algorithm, secret, nonce, count, once, "auth" if body is None else "auth-int", what)
    return _hash(algorithm, secret, nonce, what)


def _hash(algorithm: str, *parts: str) -> str:
    digest = hashlib.new(_HASHES[algorithm], usedforsecurity=False)
    digest.update(":".join(parts).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _quoted(text: str) -> str:
    return '"' + re.sub(r'([\\"])', r"\\\1", text) + '"'


@define(eq=False)
class Verifier:
    """
    Challenges those who call, and judges their answers.  It keeps nothing of a challenge: a nonce says by itself when
    it was made, and that we made it.

    @ivar realm: whom people log in to.
    @ivar users: passwords by name.
    @ivar seconds: the time now.
    @ivar algorithms: those that are offered, the best first (RFC 8760 section 2.3), and taken.
    """

    realm: str
    users: dict[str, str] = field(repr=False)
    seconds: Callable[[], float]
    algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    _key: bytes = field(factory=lambda: token_hex(32).encode(), repr=False)
    _used: OrderedDict[tuple[str, str, str], None] = field(factory=OrderedDict, init=False, repr=False)

    def challenge(self, stale: bool = False) -> tuple[str, ...]:
        """The values of WWW-Authenticate, the better algorithm first."""
        nonce = self._nonce(int(self.seconds()))
        end = ", stale=true" if stale else ""
        return tuple(
            f'Digest realm={_quoted(self.realm)}, nonce="{nonce}", qop="auth", algorithm={algorithm}{end}'
            for algorithm in self.algorithms
        )

    def judge(self, text: str, method: str) -> tuple[str | None, bool]:
        """
        Who has logged in with an Authorization header.

        @param method: of the request that it came with.
        @return: the name, or C{None}; and whether only the age of the nonce was wrong: ask once more.
        """
        try:
            parameters = next((each for scheme, each in readParameters(text) if scheme == "digest"), {})
        except MalformedError:
            return None, False
        user, nonce, count = (parameters.get(name, "") for name in ("username", "nonce", "nc"))
        algorithm = (parameters.get("algorithm") or "MD5").upper()
        made = self._made(nonce)
        # One who does not exist takes as long as one who does.
        password = self.users.get(user)
        if algorithm not in self.algorithms or parameters.get("realm") != self.realm or made is None:
            return None, False
        if parameters.get("qop") != "auth" or not re.fullmatch("[0-9a-fA-F]{8}", count):
            return None, False
        secret = _hash(algorithm, user, self.realm, password or "")
        once, uri = parameters.get("cnonce", ""), parameters.get("uri", "")
        expected = _response(algorithm, secret, nonce, once, count, True, method, uri)
        right = hmac.compare_digest(
            expected.encode(), parameters.get("response", "").lower().encode("utf-8", "replace")
        )
        if not right or password is None:
            return None, False
        if not 0 <= self.seconds() - made <= NONCE_LIFE or not self._first((nonce, count, once)):
            return None, True
        return user, False

    def _first(self, use: tuple[str, str, str]) -> bool:
        """Was this answer not given before?"""
        if use in self._used:
            return False
        self._used[use] = None
        if len(self._used) > MOST_USED:
            self._used.popitem(last=False)
        return True

    def _nonce(self, time: int) -> str:
        seal = hmac.new(self._key, str(time).encode(), hashlib.sha256).hexdigest()[:32]
        return f"{time}-{seal}"

    def _made(self, nonce: str) -> int | None:
        """When we made it; C{None} if we did not."""
        time = nonce.partition("-")[0]
        if not re.fullmatch("[0-9]{1,12}", time) or not hmac.compare_digest(self._nonce(int(time)), nonce):
            return None
        return int(time)
