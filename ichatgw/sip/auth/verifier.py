# -*- test-case-name: ichatgw.test.sip.auth.test_verifier,ichatgw.test.sip.register.test_client -*-
"""
Those who log in here (RFC 3261 section 22, RFC 7616): how they are challenged, and how their answers are judged.

A challenge leaves nothing in memory: the nonce says by itself when it was made and for which source, and that we made
it.  A password is looked at only with such a nonce, so that each guess is one of a source that has received our answer;
L{ichatgw.sip.auth.loginlimits} says how many of them there may be.  All that is not right is answered by the same
challenge, whether the name exists or not, and whether the password was looked at or not.
"""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from enum import Enum
from hashlib import sha256
from secrets import token_hex
from urllib.parse import unquote

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ichatgw.errors import MalformedError
from ichatgw.net.hosts import literal
from ichatgw.net.networks import sourceOf
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.sip.auth.digest import Use, digestHash, digestResponse, quoted, readParameters
from ichatgw.sip.auth.loginlimits import Guesses
from ichatgw.sip.message.syntax import UnknownScheme, borrowed
from ichatgw.sip.message.syntax import uri as plainURI

NONCE_LIFE = 300
"""Seconds for which a nonce of ours holds."""

RETRANSMITTED = 32.0
"""Seconds in which a request may come again (RFC 3261 section 17.2.1, Timer H)."""

MAX_USED = 16384
"""How many nonces with which a user has logged in are remembered, of those that still hold."""

MAX_LOGINS = 8
"""How many logins to our realm in one request are looked at, until one has a nonce that holds."""

MAX_NAME = 64
"""Characters of a name in the log."""

_COUNT = re.compile("[0-9a-fA-F]{8}").fullmatch
_NONCE = re.compile("([0-9a-f]{1,12})-([0-9a-f]{6})-[0-9a-f]{20}").fullmatch
_PLACE = re.compile(r"(sips?):(?:([^@]*)@)?([^@;?:\[\]]+|\[[^\]]*\])(?::([0-9]+))?(?:[;?].*)?", re.DOTALL).fullmatch
_NO_PASSWORD = token_hex(16)

_log = Logger()


class Verdict(Enum):
    """
    What a login is worth.

    C{ABSENT}: there is none.  C{STALE}: its nonce does not hold here, or was used up; its password was not looked at.
    C{WRONG}: it is not right, or not looked at yet.  All three are answered by a challenge, which says C{stale} for the
    second one.
    """

    ABSENT = "no login"
    STALE = "stale"
    WRONG = "wrong"
    RIGHT = "right"


@frozen
class Judgement:
    """
    @ivar user: who has logged in; C{None} if the verdict is not C{RIGHT}.
    """

    verdict: Verdict
    user: str | None = None

    @property
    def isStale(self) -> bool:
        """Is the challenge to say that only the nonce was too old?"""
        return self.verdict is Verdict.STALE


@define(eq=False)
class _Use:
    """
    The last use of a nonce.

    @ivar count: C{nc}.
    @ivar request: names the request that it came with.
    """

    count: int
    request: str
    time: float


@define(eq=False)
class Verifier:
    """
    Challenges those who call, and judges their answers.

    @ivar realm: whom people log in to.
    @ivar users: passwords by name.
    @ivar algorithms: those that are offered, the best first (RFC 8760 section 2.3), and taken.
    """

    realm: str
    users: dict[str, str] = field(repr=False)
    _clock: IReactorTime
    algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    _key: bytes = field(factory=lambda: token_hex(32).encode(), repr=False, kw_only=True)
    _used: OrderedDict[str, _Use] = field(factory=OrderedDict, init=False, repr=False)
    _floor: float = field(default=0.0, init=False)
    _guesses: Guesses = field(init=False, repr=False)
    _lines: RateLimit = field(init=False, repr=False)
    _waits: RateLimit = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._guesses = Guesses(self._clock)
        self._lines = RateLimit(self._clock, 1, 10)
        self._waits = RateLimit(self._clock, 0.1, 1)

    def challenge(self, host: str, stale: bool = False) -> tuple[str, ...]:
        """
        The values of WWW-Authenticate, the better algorithm first.

        @param host: the host that they are for, an IP literal: no other host can use them.
        @param stale: whether only the nonce was wrong, so that the phone need not ask for the password again.
        """
        nonce = self._nonce(f"{int(self._clock.seconds()):x}", token_hex(3), host)
        end = ", stale=true" if stale else ""
        return tuple(
            f'Digest realm={quoted(self.realm)}, nonce="{nonce}", qop="auth", algorithm={algorithm}{end}'
            for algorithm in self.algorithms
        )

    def judge(self, logins: Iterable[str], method: str, uri: str, host: str, request: str) -> Judgement:
        """
        Who has logged in with a request.

        @param logins: the values of its Authorization headers.
        @param uri: its Request-URI.
        @param host: where it came from, an IP literal.
        @param request: names the request, e.g. by its branch, Call-ID and CSeq.  A retransmission is judged like the
            first one; any other use of the same answer is a replay.
        """
        found = self._ours(logins)
        if not found:
            return Judgement(Verdict.ABSENT)
        now = self._clock.seconds()
        # Some send those that they have sent before as well.
        parameters = next((each for each in found if self._holds(each.get("nonce", ""), host, now)), None)
        if parameters is None:
            return Judgement(Verdict.STALE)
        user = parameters.get("username", "")
        name = user if user in self.users else None
        right = self._isRight(parameters, method, uri)
        wait = self._guesses.wait(name, host)
        if wait > 0:
            self._notLookedAt(host, wait)
            return Judgement(Verdict.WRONG)
        if not right:
            self._failed(user, name, method, host)
            return Judgement(Verdict.WRONG)
        if not self._isFirst(parameters["nonce"], _Use(int(parameters["nc"], 16), request, now)):
            return Judgement(Verdict.STALE)
        self._guesses.succeeded(user, host)
        return Judgement(Verdict.RIGHT, user)

    def adopt(self, users: dict[str, str]) -> bool:
        """
        From now on these may log in.

        @return: whether anything is not as it was.
        """
        changed = {name for name in self.users.keys() | users.keys() if self.users.get(name) != users.get(name)}
        for name in changed:
            self._guesses.forget(name)
        self.users.clear()
        self.users.update(users)
        return bool(changed)

    def _ours(self, logins: Iterable[str]) -> list[dict[str, str]]:
        """The parameters of the logins to our realm; other realms are ignored (RFC 3261 section 22.3)."""
        ours: list[dict[str, str]] = []
        for text in logins:
            try:
                found = readParameters(text)
            except MalformedError:
                continue
            ours += [each for scheme, each in found if scheme == "digest" and each.get("realm") == self.realm]
        return ours[:MAX_LOGINS]

    def _holds(self, nonce: str, host: str, now: float) -> bool:
        """Is it one that we have made for C{host}, and not too long ago?"""
        made = self._made(nonce, host)
        return made is not None and self._floor <= made <= now <= made + NONCE_LIFE

    def _isRight(self, parameters: Mapping[str, str], method: str, uri: str) -> bool:
        """Is the answer right?  The time taken is the same for a user that does not exist."""
        user, count = parameters.get("username", ""), parameters.get("nc", "")
        algorithm = (parameters.get("algorithm") or "MD5").upper()
        if algorithm not in self.algorithms or parameters.get("qop", "").lower() != "auth" or not _COUNT(count):
            return False
        stated = parameters.get("uri", "")
        secret = digestHash(algorithm, user, self.realm, self.users.get(user, _NO_PASSWORD))
        use = Use(parameters["nonce"], parameters.get("cnonce", ""), count)
        expected = digestResponse(algorithm, secret, use, True, method, stated)
        said = parameters.get("response", "").lower().encode("utf-8", "replace")
        return hmac.compare_digest(expected.encode(), said) & (user in self.users) & isSamePlace(stated, uri)

    def _failed(self, user: str, name: str | None, method: str, host: str) -> None:
        wait = self._guesses.failed(name, host)
        if self._lines.allow(sourceOf(host)):
            # What fail2ban reads: etc/fail2ban.  The name comes last, as a stranger may write anything into it.
            _log.warn(
                "Wrong login from {host} with {method}, the next is looked at in {wait:.0f} s; name {user!r}",
                host=host,
                method=method,
                wait=wait,
                user=user[:MAX_NAME],
            )

    def _notLookedAt(self, host: str, wait: float) -> None:
        if self._waits.allow(sourceOf(host)):
            _log.info(
                "A login from {host} is not looked at for {wait:.0f} s: too many wrong ones", host=host, wait=wait
            )

    def _isFirst(self, nonce: str, use: _Use) -> bool:
        """
        Was this answer not given before?  C{nc} grows with each use of a nonce (RFC 7616 section 3.4).

        When there is no room for one more nonce, the one that was used first goes, and with it all that are not newer:
        what is forgotten cannot be replayed.
        """
        before = self._used.get(nonce)
        if before is not None and use.count <= before.count:
            return use.count == before.count and use.request == before.request and self._isRecent(before, use)
        self._used[nonce] = use
        if len(self._used) > MAX_USED:
            oldest, _ = self._used.popitem(last=False)
            self._floor = max(self._floor, int(oldest.partition("-")[0], 16) + 1)
        return True

    @staticmethod
    def _isRecent(before: _Use, use: _Use) -> bool:
        return use.time - before.time <= RETRANSMITTED

    def _nonce(self, time: str, salt: str, host: str) -> str:
        seal = hmac.new(self._key, f"{time}-{salt}-{sourceOf(host)}".encode(), sha256).hexdigest()[:20]
        return f"{time}-{salt}-{seal}"

    def _made(self, nonce: str, host: str) -> int | None:
        """When we made it; C{None} if we did not, or for another source."""
        parts = _NONCE(nonce)
        if parts is None or not hmac.compare_digest(self._nonce(parts[1], parts[2], host), nonce):
            return None
        return int(parts[1], 16)


def isSamePlace(one: str, other: str) -> bool:
    """
    Do two URIs name the same resource (RFC 7616 section 3.4.6), as far as it matters who is called: user part, host and
    port?  Escapes, letter case of the host and parameters do not.
    """
    if one == other:
        return True
    place = _placeOf(one)
    return place is not None and place == _placeOf(other)


def _placeOf(text: str) -> tuple[str, str, int] | None:
    try:
        plain = plainURI(text, keepHeaders=True)
    except UnknownScheme:
        try:
            plain = borrowed(text)
        except MalformedError:
            return None
    except MalformedError:
        return None
    match = _PLACE(plain)
    if match is None:
        return None
    scheme, user, host, port = match.groups()
    address = literal(host, 1)
    place = host.lower().rstrip(".") if address is None else address.host
    return unquote(user or ""), place, int(port or (5061 if scheme == "sips" else 5060))
