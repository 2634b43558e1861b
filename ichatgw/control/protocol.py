# -*- test-case-name: ichatgw.test.control.test_protocol -*-
"""
What the command and the gateway say to each other over the socket: lines of JSON.

The command says C{{"order": "calls", "words": {...}}}.  The gateway answers with any number of lines C{{"item": ...}}
and then one that is C{{"done": {...}}}, or C{{"error": "what is wrong, and what to do"}}.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred

from ichatgw.errors import GatewayError, MalformedError

MAX_OCTETS = 4096
"""Of one line of the command."""

MAX_WORDS = 8
"""How many things an order can be told."""


class OrderError(GatewayError):
    """An order cannot be carried out.  The text says why, and what to do, for the administrator's eyes."""


@frozen
class Order:
    """
    @ivar name: what is to be done.
    @ivar words: with what.
    """

    name: str
    words: Mapping[str, str] = field(factory=dict)


@frozen
class Answer:
    """
    What became of an order.

    @ivar data: as C{json} takes it.
    @ivar items: many things, each of which is made and sent for itself.
    """

    data: Mapping[str, Any] = field(factory=dict)
    items: Iterable[Any] = ()


Outcome = Answer | Deferred[Answer]


def readOrder(line: bytes) -> Order:
    """
    @raise MalformedError: if that is none.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise MalformedError("a line that is no JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("order"), str):
        raise MalformedError("a line without an order")
    words = found.get("words", {})
    if not isinstance(words, dict) or len(words) > MAX_WORDS:
        raise MalformedError("an order with wrong words")
    if not all(isinstance(word, str) for word in words.values()):
        raise MalformedError("an order whose words are no texts")
    return Order(found["order"], words)


def orderLine(order: Order) -> bytes:
    """An order as a line, without its end."""
    return _line({"order": order.name, "words": dict(order.words)})


def itemLine(item: Any) -> bytes:
    """The line for one item of an answer."""
    return _line({"item": item})


def doneLine(data: Mapping[str, Any]) -> bytes:
    """The last line of an answer."""
    return _line({"done": data})


def errorLine(text: str) -> bytes:
    """The last line, for an order that failed."""
    return _line({"error": text})


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
