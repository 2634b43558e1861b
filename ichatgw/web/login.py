# -*- test-case-name: ichatgw.test.web.test_login,ichatgw.test.web.test_root -*-
"""
Which requests are admitted, and which forms are our own.

Names and passwords come by Basic authentication (RFC 7617), the token as C{Bearer} (RFC 6750) or as the password of
any name.  A browser sends a password along whatever page has made it ask; so what changes something has to prove that
our own page has asked, see L{Forms}.
"""

from __future__ import annotations

import os
import stat
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest, new
from urllib.parse import urlsplit

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime

from ichatgw.errors import ConfigError
from ichatgw.runtime.ratelimit import RateLimit

SHORTEST = 8
"""Characters of a password, at least; of the token, twice as many."""

MAX_USERS = 1000

WRONG = (0.1, 10)
"""Wrong logins of one network, in a second and at once."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def readUsers(path: str) -> dict[str, str]:
    """
    A file with lines C{name:password}; lines that begin with C{#} are comments.

    @raise ConfigError: if it cannot be used.
    """
    try:
        with open(path, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = file.read(MAX_USERS * 200).splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"HTTPUsers {path}: it cannot be read: {problem}") from None
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ConfigError(f"HTTPUsers {path}: others can read it, or change it: chmod 640 {path}")
    users: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, password = line.partition(":")
        if not (name and colon and len(password) >= SHORTEST):
            raise ConfigError(f"HTTPUsers {path} line {number}: it should be name:password, of {SHORTEST} characters")
        users[name] = password
    if not users:
        raise ConfigError(f"HTTPUsers {path}: it names no user")
    return users


def checkedToken(token: str) -> str:
    """
    @raise ConfigError: if it is too short to be one.
    """
    if token and len(token) < 2 * SHORTEST:
        raise ConfigError(f"HTTPToken: a token has at least {2 * SHORTEST} characters (try openssl rand -hex 24)")
    return token


@define(eq=False)
class WebLogins:
    """
    @ivar users: their passwords.
    @ivar token: the one of programs; empty if there is none.
    """

    _clock: IReactorTime
    users: Mapping[str, str] = field(factory=dict, repr=False)
    token: str = field(default="", repr=False)
    _wrong: RateLimit = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._wrong = RateLimit(self._clock, *WRONG)

    @property
    def isOpen(self) -> bool:
        """May all ask who can connect?"""
        return not self.users and not self.token

    def isCut(self, source: str) -> bool:
        """Were there too many wrong logins from there?"""
        return self._wrong.left(source) < 1

    def user(self, authorization: str, source: str) -> str | None:
        """
        Who that is; C{None} if the login is wrong or there is none.

        @param authorization: the header.
        @param source: where it comes from.
        """
        scheme, _, credentials = authorization.strip().partition(" ")
        found = None
        if scheme.lower() == "bearer":
            found = "token" if self._isToken(credentials.strip()) else None
        elif scheme.lower() == "basic":
            found = self._basic(credentials.strip())
        if found is None and authorization:
            self._wrong.allow(source)
        return found

    def _basic(self, credentials: str) -> str | None:
        try:
            name, _, password = b64decode(credentials, validate=True).decode("utf-8").partition(":")
        except (Error, ValueError):
            return None
        right = self.users.get(name, "")
        if _isSame(password, right) and right:
            return name
        return "token" if self._isToken(password) else None

    def _isToken(self, text: str) -> bool:
        return _isSame(text, self.token) and bool(self.token)


def _isSame(one: str, other: str) -> bool:
    return compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


@frozen
class Origin:
    """
    From where a browser was made to ask.

    @ivar host: as the request names it, with the port.
    @ivar origin: of the page; empty if it is not said.
    @ivar site: what C{Sec-Fetch-Site} says; likewise.
    """

    host: str
    origin: str = ""
    site: str = ""

    @property
    def isOurs(self) -> bool:
        """Did a page of ours send the request, not one of another site?"""
        if not self.host or (self.site and self.site not in ("same-origin", "none")):
            return False
        return not self.origin or self.origin.lower() in (f"http://{self.host}".lower(), f"https://{self.host}".lower())

    @property
    def isLoopback(self) -> bool:
        """
        Does it name this host itself?  Else it may be a foreign name that resolves to this host (DNS rebinding), whose
        page could read what we answer.
        """
        try:
            return (urlsplit(f"//{self.host}").hostname or "") in LOOPBACK
        except ValueError:
            return False


@define(eq=False)
class Forms:
    """
    Tells our forms from those of others: each carries a token that only our own pages can know.

    The cookie that a token belongs to is C{SameSite=Strict}, so that it does not come with what another site asks.
    """

    _secret: bytes = field(factory=lambda: os.urandom(32), repr=False)

    def cookie(self) -> str:
        """A new random cookie, 32 hexadecimal digits."""
        return os.urandom(16).hex()

    def token(self, cookie: str, user: str) -> str:
        """The token of the forms for this cookie and user; empty without a cookie."""
        if not cookie:
            return ""
        return new(self._secret, f"{cookie} {user}".encode("utf-8", "replace"), sha256).hexdigest()

    def isOurs(self, cookie: str, user: str, token: str) -> bool:
        """Is that the token for this cookie and user?  Compared in constant time."""
        right = self.token(cookie, user)
        return bool(right) and _isSame(token, right)
