# -*- test-case-name: ichatgw.test.web.test_root,ichatgw.test.web.test_api -*-
"""
What is asked over HTTP, and what is answered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred

from ichatgw.errors import GatewayError

HTML = "text/html; charset=utf-8"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


class Refusal(GatewayError):
    """
    A request cannot be served.  The text says why, and what to do, for the eyes of who asks.

    @ivar status: the status of HTTP.
    @ivar headers: that say more of it.
    """

    def __init__(self, status: int, text: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        GatewayError.__init__(self, text)
        self.status = status
        self.headers = headers


@frozen
class Visit:
    """
    One request.

    @ivar method: C{GET} or C{POST}.
    @ivar path: without what follows a C{?}.
    @ivar words: what follows, each name once.
    @ivar form: likewise what a form or an object of JSON has sent.
    @ivar user: who asks, empty if that is not known.
    @ivar mayAsk: do they have a right to ask for more than health?
    @ivar token: what a form of theirs has to carry, see L{ichatgw.web.login.Forms}.
    """

    method: str
    path: str
    words: Mapping[str, str] = field(factory=dict)
    form: Mapping[str, str] = field(factory=dict)
    user: str = ""
    mayAsk: bool = True
    token: str = ""


@frozen
class Reply:
    """
    @ivar pieces: the body, each made when there is time for it.
    @ivar headers: besides those that every answer has.
    """

    pieces: Iterable[bytes]
    type: str = HTML
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)


Handler = Callable[[Visit], "Reply | Deferred[Reply]"]


def jsonReply(value: Any, status: int = 200) -> Reply:
    """A small value."""
    return Reply([_jsonOf(value), b"\n"], JSON, status)


def jsonPieces(name: str, items: Iterable[Any], more: Mapping[str, Any]) -> Iterator[bytes]:
    """An object of JSON that has a long list, piece by piece."""
    yield b'{"' + name.encode() + b'": ['
    separator = b""
    for item in items:
        yield separator + _jsonOf(item)
        separator = b",\n"
    yield b"]"
    for key, value in more.items():
        yield b", " + _jsonOf(key) + b": " + _jsonOf(value)
    yield b"}\n"


def _jsonOf(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
