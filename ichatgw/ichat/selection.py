# -*- test-case-name: ichatgw.test.ichat.test_selection -*-
# mypy: allow-untyped-calls
"""
Which of a user's iChats ring, and under which name a caller rings them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import unquote

from twisted.words.protocols.jabber.jid import JID
from twisted.words.protocols.jabber.xmpp_stringprep import nodeprep

from ichatgw.escaping import escape
from ichatgw.xmpp.presence.presence import Resource

#: iChat refuses a call (603) from an address whose user part is longer.
MAX_NAME = 10

# What nodeprep only makes lower case.
_USUAL = re.compile(r"[A-Za-z0-9._\-]*").fullmatch

_VARIANTS = "23456789abcdefghijklmnopqrstuvwxyz"

#: What a cut must not leave at the end: a dot, an escaped space, or a part of an escape.
_BAD_END = re.compile(r"(?:\.|\\20|[\\%][0-9a-f]?)+\Z")


def select(resources: Iterable[Resource]) -> tuple[JID, ...]:
    """
    The resources that ring: of those which can take a call, all that share the best C{show} and, among these, the
    highest priority.
    """
    able = [resource for resource in resources if resource.avAvailable]
    best = min((resource.rank for resource in able), default=None)
    return tuple(resource.jid for resource in able if resource.rank == best)


def callerName(user: str) -> str:
    """
    The user part under which a caller is shown to an iChat: at most L{MAX_NAME} characters.

    The caller's name is brought to the form it has in an address (XEP-0106 escapes, nodeprep) and only then cut.

    @param user: the user part of the caller's URI.
    @return: the name; empty if nothing is left, and the address is then the gateway's own domain.
    """
    prepared = "".join(map(_prepared, escape(unquote(user).strip()[: 4 * MAX_NAME])))
    name = _BAD_END.sub("", prepared[:MAX_NAME])
    # Characters that are right one by one may not stand together (RFC 3454 section 6).
    return name if _prepared(name) == name else callerName(name.encode("ascii", "ignore").decode("ascii"))


@lru_cache(maxsize=1024)
def _prepared(text: str) -> str:
    """C{text} as nodeprep has it; nothing if it is prohibited."""
    if _USUAL(text):
        return text.lower()
    try:
        return str(nodeprep.prepare(text))
    except UnicodeError:
        return ""


def variants(name: str) -> Iterator[str]:
    """
    The name itself, then others that look like it, for a second caller of that name: iChat's answer tells its calls
    apart by nothing else.
    """
    yield name
    stem = _BAD_END.sub("", name[: MAX_NAME - 1])
    for char in _VARIANTS:
        if stem + char != name:
            yield stem + char
