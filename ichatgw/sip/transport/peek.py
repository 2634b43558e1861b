# -*- test-case-name: ichatgw.test.sip.transport.test_peek -*-
"""
Tokens in a message as it came, before anything is parsed: what a flood must not make expensive.
"""

from __future__ import annotations

import re
from collections.abc import Callable

LOOKED_AT = 1024
"""Octets at the beginning of a message in which the header with its token is looked for."""

LONGEST = 256
"""Octets of that header that are looked at: the first ones of a Via, the last ones of a To."""

# Each of these looks at an octet once.
_TO = re.compile(rb"\r\n[Tt][Oo]?[ \t]*:").search
_TAG = re.compile(rb";[ \t]*[Tt][Aa][Gg][ \t]*=[ \t]*([0-9A-Za-z]+)").search
_VIA = re.compile(rb"\r\n[Vv](?:[Ii][Aa])?[ \t]*:").search
_BRANCH = re.compile(rb";[ \t]*[Bb][Rr][Aa][Nn][Cc][Hh][ \t]*=[ \t]*([0-9A-Za-z.-]+)").search


def toTag(message: bytes) -> str | None:
    """
    The tag in the To of a message; C{None} if there is none, or not where it is looked for.

    @param message: as it came; octets beyond L{LOOKED_AT} do not count.
    """
    value = _value(message, _TO)
    return _token(_TAG(value[-LONGEST:].rpartition(b">")[2]))


def topBranch(message: bytes) -> str | None:
    """The branch in the first Via, likewise."""
    return _token(_BRANCH(_value(message, _VIA)[:LONGEST]))


def _value(message: bytes, header: Callable[[bytes, int, int], re.Match[bytes] | None]) -> bytes:
    """What the first header of that name says; nothing if it or its end is not there."""
    found = header(message, 0, LOOKED_AT)
    end = -1 if found is None else message.find(b"\r\n", found.end(), LOOKED_AT)
    return b"" if found is None or end < 0 else message[found.end() : end]


def _token(found: re.Match[bytes] | None) -> str | None:
    return None if found is None else found[1].decode("ascii")
