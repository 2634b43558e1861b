# -*- test-case-name: ichatgw.test.web.test_root,ichatgw.test.web.test_channel -*-
"""
Takes each request: who is it, may they, and who answers.  Whatever goes wrong becomes an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from attrs import define, field
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from ichatgw.net.networks import sourceOf
from ichatgw.runtime.ratelimit import FAILURES, RateLimit
from ichatgw.runtime.turns import Sweep, Turns
from ichatgw.web.answers import JSON, TEXT, Handler, Refusal, Reply, Visit, jsonReply
from ichatgw.web.channel import hostOf
from ichatgw.web.login import Forms, Origin, WebLogins

MAX_WORDS = 32
"""Things that a request can say in its address or its form."""

PART_INTERVAL = 0.002
"""Seconds from one part of a long answer to the next."""

COOKIE = "ichatgw-form"

OPEN = ("/live", "/ready")
"""Paths that need no login."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Server": "ichatgw",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Without it a browser would not say where our own forms come from.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_ABSOLUTE = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)

_log = Logger()


@define(eq=False)
class Routes:
    """
    Who answers what.

    @ivar exact: by method and path.
    @ivar below: by method and what the path begins with.
    @ivar error: makes a page of what is wrong.
    """

    exact: dict[tuple[str, str], Handler] = field(factory=dict)
    below: dict[tuple[str, str], Handler] = field(factory=dict)
    error: Callable[[Visit, int, str], Reply] = field(
        default=lambda visit, status, text: Reply([f"{text}\n".encode()], TEXT, status)
    )

    def find(self, method: str, path: str) -> Handler:
        """
        @raise Refusal: if there is none.
        """
        found = self._find(method, path)
        if found is not None:
            return found
        other = "POST" if method == "GET" else "GET"
        if self._find(other, path) is not None:
            raise Refusal(405, f"this takes {other} only", {"Allow": "GET, HEAD" if other == "GET" else other})
        raise Refusal(404, "there is no such page")

    def _find(self, method: str, path: str) -> Handler | None:
        found = self.exact.get((method, path))
        if found is None:
            longest = max(
                (begin for kind, begin in self.below if kind == method and path.startswith(begin)), default=""
            )
            found = self.below.get((method, longest))
        return found


class Root(Resource):
    """All of the site."""

    isLeaf = True

    def __init__(self, turns: Turns, routes: Routes, logins: WebLogins, forms: Forms, isSecure: bool) -> None:
        Resource.__init__(self)
        self._turns = turns
        self._routes = routes
        self._logins = logins
        self._forms = forms
        self._isSecure = isSecure
        self._failures = RateLimit(turns, *FAILURES, mostSources=1)

    def render(self, request: Any) -> int:
        """Answer, now or later."""
        cookie = _cookieOf(request) or self._forms.cookie()
        raw, _, query = _targetOf(request).partition("?")
        visit = Visit("GET", unquote(raw, errors="replace"), mayAsk=False)

        def answered(reply: Reply) -> None:
            self._send(request, reply, cookie)

        def failed(failure: Failure) -> None:
            self._send(request, self._troubled(visit, failure), cookie)

        try:
            visit = self._visit(request, visit.path, query, cookie)
            maybeDeferred(self._routes.find(visit.method, visit.path), visit).addCallbacks(answered, failed).addErrback(
                self._lost, request
            )
        except Exception:
            failed(Failure())
        return NOT_DONE_YET

    def _visit(self, request: Any, path: str, query: str, cookie: str) -> Visit:
        method = request.method.decode("ascii", "replace")
        if method not in ("GET", "HEAD", "POST"):
            raise Refusal(405, "this takes GET and POST only", {"Allow": "GET, HEAD, POST"})
        if len(request.requestHeaders.getRawHeaders(b"host", ())) > 1:
            raise Refusal(400, "it names several hosts")  # RFC 9112 section 3.2
        words = _words(query)
        user = self._admit(request, path)
        form: Mapping[str, str] = {}
        if method == "POST":
            form = _formOf(request)
            self._checkForm(request, path, cookie, user or "", form)
        token = self._forms.token(cookie, user or "")
        isAdmitted = user is not None
        return Visit("GET" if method == "HEAD" else method, path, words, form, user or "", isAdmitted, token)

    def _admit(self, request: Any, path: str) -> str | None:
        """
        @return: the user, empty if that is not known; C{None} for one that has not logged in and may ask little.
        """
        logins = self._logins
        if logins.isOpen:
            if not _originOf(request).isLoopback and path not in OPEN:
                raise Refusal(403, "without a login (HTTPUsers, HTTPToken) this is for http://localhost only")
            return ""
        source = sourceOf(hostOf(request.getClientAddress()) or "::")
        header = _header(request, "authorization")
        if header and logins.isCut(source):
            if path in OPEN:
                return None
            raise Refusal(429, "too many wrong logins came from your network: wait a minute")
        user = logins.user(header, source)
        if user is None and path not in OPEN:
            raise Refusal(401, "log in by a name of HTTPUsers, or by the token")
        return user

    def _checkForm(self, request: Any, path: str, cookie: str, user: str, form: Mapping[str, str]) -> None:
        if not _originOf(request).isOurs:
            raise Refusal(403, "the page of another site has asked for this")
        if _header(request, "authorization").lower().startswith("bearer "):
            return
        # A browser asks us first before it lets another site send JSON, and we say no.
        isOrder = path.startswith("/api/")
        if isOrder and _isJSON(request):
            return
        if isOrder and "token" not in form:
            raise Refusal(415, f"send an object of texts as Content-Type: {JSON}, or HTTPToken as a Bearer")
        if not self._forms.isOurs(cookie, user, form.get("token", "")):
            raise Refusal(403, "this form is not ours, or too old: go back, load the page anew and try again")

    def _troubled(self, visit: Visit, failure: Failure) -> Reply:
        problem = failure.value
        if isinstance(problem, Refusal):
            status, text = problem.status, str(problem)
        else:
            status, text = 500, "something went wrong here: see the log of the gateway"
            if self._failures.allow(None):
                _log.failure("A request over HTTP failed", failure)
        more = {
            401: {"WWW-Authenticate": 'Basic realm="ichatgw", charset="UTF-8"'},
            429: {"Retry-After": "60"},
        }.get(status, {})
        if visit.path.startswith("/api/"):
            made = jsonReply({"error": text}, status)
        else:
            made = self._routes.error(visit, status, text)
        if isinstance(problem, Refusal):
            more = {**more, **problem.headers}
        return Reply(made.pieces, made.type, status, {**made.headers, **more})

    def _send(self, request: Any, reply: Reply, cookie: str) -> None:
        request.setResponseCode(reply.status)
        for name, value in {**HEADERS, "Content-Type": reply.type, **reply.headers}.items():
            request.setHeader(name.encode(), value.encode("utf-8", "replace"))
        if reply.type.startswith("text/html") and _cookieOf(request) != cookie:
            request.addCookie(COOKIE, cookie, path="/", httpOnly=True, secure=self._isSecure, sameSite="strict")
        if isinstance(reply.pieces, list):
            body = b"".join(reply.pieces)
            request.setHeader(b"Content-Length", str(len(body)).encode())
            request.write(body)
            request.finish()
        elif request.method == b"HEAD":
            request.write(b"")
            request.finish()
        else:
            _Sending(self._turns, request, reply.pieces, self._lost).start()

    def _lost(self, failure: Failure, request: Any) -> None:
        """An answer failed in the middle: its reader must not take it for whole."""
        if self._failures.allow(None):
            _log.failure("An answer over HTTP failed", failure)
        if request.channel is not None:
            request.channel.forceAbortClient()


@implementer(IPushProducer)
class _Sending:
    """A long answer, made and sent part by part, as fast as the client takes it."""

    def __init__(
        self, turns: Turns, request: Request, pieces: Iterable[bytes], failed: Callable[[Failure, Any], None]
    ) -> None:
        self._request: Any = request
        self._pieces = pieces
        self._failed = failed
        self._isHeld = self._isBroken = False
        self._sweep: Sweep[bytes] = turns.sweep(self._write, self._done, lambda: not self._isHeld, PART_INTERVAL)

    def start(self) -> None:
        """Begin."""
        self._request.notifyFinish().addErrback(lambda _: self._sweep.stop())
        self._request.registerProducer(self, True)
        self._sweep.start(self._made())

    def _made(self) -> Iterator[bytes]:
        try:
            yield from self._pieces
        except Exception:
            self._isBroken = True
            self._failed(Failure(), self._request)

    def _write(self, piece: bytes) -> None:
        if piece:  # an empty chunk would be the end
            self._request.write(piece)

    def _done(self) -> None:
        if self._isBroken:
            return
        self._request.unregisterProducer()
        self._request.finish()

    def pauseProducing(self) -> None:
        """The client takes no octets now."""
        self._isHeld = True

    def resumeProducing(self) -> None:
        """The client takes octets again."""
        self._isHeld = False

    def stopProducing(self) -> None:
        """The client has disconnected."""
        self._sweep.stop()


def _header(request: Any, name: str) -> str:
    return (request.getHeader(name.encode()) or b"").decode("latin-1")


def _isJSON(request: Any) -> bool:
    return _header(request, "content-type").partition(";")[0].strip().lower() == JSON


def _targetOf(request: Any) -> str:
    """The path that is asked for, with the query: also of one who asks as they would ask a proxy (RFC 9112 3.2.2)."""
    target: str = request.uri.decode("ascii", "replace")
    return _ABSOLUTE.sub("", target) or "/"


def _hostOf(request: Any) -> str:
    """As what we are addressed; that in the request line goes before C{Host}."""
    found = _ABSOLUTE.match(request.uri.decode("ascii", "replace"))
    return _header(request, "host") if found is None else found[1]


def _originOf(request: Any) -> Origin:
    return Origin(_hostOf(request), _header(request, "origin"), _header(request, "sec-fetch-site"))


def _cookieOf(request: Any) -> str:
    found = (request.getCookie(COOKIE.encode()) or b"").decode("latin-1")
    return found if len(found) == 32 and found.isalnum() else ""


def _words(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_WORDS, errors="replace"))
    except ValueError:
        raise Refusal(400, f"the address says more than {MAX_WORDS} things") from None


def _formOf(request: Any) -> dict[str, str]:
    body = request.content.read()
    if not _isJSON(request):
        return _words(body.decode("ascii", "replace"))
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is no JSON") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Refusal(400, 'the body should be an object of texts, such as {"id": "k4zq2m-7"}')
    return found
