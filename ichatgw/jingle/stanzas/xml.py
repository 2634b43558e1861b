# -*- test-case-name: ichatgw.test.jingle.stanzas.test_jingle -*-
# mypy: allow-untyped-calls
"""
Small things that every reader and writer of Jingle needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError

MAX_CHILDREN = 256
"""More of one kind than any honest stanza has."""

MAX_WORD = 256
"""For what travels in attributes: identifiers, keys, parameters."""

MAX_TEXT = 500

_Read = TypeVar("_Read")

_PRINTABLE = re.compile(r"[ -~]*\Z")
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def children(parent: Element, uri: str, name: str) -> Iterator[Element]:
    """
    The children of that name.

    @raise MalformedError: if there are more than L{MAX_CHILDREN}.
    """
    found = 0
    for child in parent.elements():
        if child.name == name and child.uri == uri:
            found += 1
            if found > MAX_CHILDREN:
                raise MalformedError(f"more than {MAX_CHILDREN} of <{name}/>")
            yield child


def child(parent: Element, uri: str, name: str) -> Element | None:
    """The first child of that name."""
    return next(children(parent, uri, name), None)


def word(element: Element, name: str, default: str | None = None) -> str:
    """
    An attribute of printable ASCII, as what may end up in a line of SDP has to be.

    @raise MalformedError: if it is not that, or too long; or absent, and there is no default.
    """
    value: str | None = element.getAttribute(name)
    if value is None:
        if default is None:
            raise MalformedError(f"<{element.name}/> without {name}")
        return default
    if len(value) > MAX_WORD or _PRINTABLE.match(value) is None:
        raise MalformedError(f"bad {name} in <{element.name}/>")
    return value


def label(element: Element, name: str, default: str | None = None) -> str:
    """
    An attribute by which its writer names something, in any script: it goes back to clients and nowhere else.

    @raise MalformedError: if it has control characters, or is too long; or is absent, and there is no default.
    """
    value: str | None = element.getAttribute(name, default)
    if value is None:
        raise MalformedError(f"<{element.name}/> without {name}")
    if len(value) > MAX_WORD or not value.isprintable():
        raise MalformedError(f"bad {name} in <{element.name}/>")
    return value


def number(element: Element, name: str, maximum: int, default: int | None = None) -> int:
    """
    An attribute that is a whole number.

    @raise MalformedError: if it is not that, or too large; or absent or empty, and there is no default.
    """
    value = word(element, name, None if default is None else "").strip()
    if not value and default is not None:
        return default
    if not (value.isdigit() and len(value) <= 10 and int(value) <= maximum):
        raise MalformedError(f"bad {name} in <{element.name}/>")
    return int(value)


def wordOr(element: Element, name: str, default: str) -> str:
    """As L{word}; what cannot be read counts as absent."""
    try:
        return word(element, name, default)
    except MalformedError:
        return default


def numberOr(element: Element, name: str, maximum: int, default: int) -> int:
    """As L{number}; what cannot be read counts as absent."""
    try:
        return number(element, name, maximum, default)
    except MalformedError:
        return default


def readable(read: Callable[[Element], _Read | None], elements: Iterable[Element]) -> Iterator[_Read]:
    """What C{read} makes of each of them, without those that are malformed or of no use."""
    for element in elements:
        try:
            found = read(element)
        except MalformedError:
            continue
        if found is not None:
            yield found


def textOf(element: Element) -> str:
    """Its text, cut to L{MAX_TEXT}."""
    text = "".join(part for part in element.children if isinstance(part, str))
    return text[:MAX_TEXT].strip()


def writable(text: str) -> str:
    """Text of strangers as XML can hold it: a control character would end the stream."""
    return _UNWRITABLE.sub(" ", text)[:MAX_TEXT]
