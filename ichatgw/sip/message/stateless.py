# -*- test-case-name: ichatgw.test.sip.message.test_stateless -*-
"""
Responses that are sent once and forgotten (RFC 3261 sections 8.2.6 and 8.2.7).

They are as short as they can be.  To an address that is not proved to be the sender's, no more octets are sent than
came from there, so that a forged source address cannot be used to flood its owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from secrets import token_bytes

TAGS_KEPT, MAX_KEPT = 4096, 200
"""
How many values of From and To are kept with their tags, and how many characters one may have for that: those of a
dialog come again with each of its messages.
"""

Header = tuple[str, str]

_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")
_COMPACT = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Content-Length": "l"}
_KEY = token_bytes(16)


def respond(
    headers: Sequence[Header],
    code: int,
    phrase: str,
    extras: Iterable[Sequence[Header]] = ((),),
    room: int | None = None,
    charset: str = "utf-8",
) -> bytes | None:
    """
    The response to a request.

    @param headers: those of the request, with full names; its top Via says where it came from.
    @param extras: which other headers the response has: the first of these that fit.
    @param room: how many octets it may have; C{None} for any number.  If there is too little, the compact names of
        headers are tried (RFC 3261 section 7.3.3).
    @return: C{None} if there is no room for any.
    """
    copied = [(name, value) for name, value in headers if name in _COPIED]
    copied.sort(key=lambda header: _COPIED.index(header[0]))
    lines = [(name, _tagged(value, headers) if name == "To" else value) for name, value in copied]
    for extra in extras:
        every = [*lines, *extra, ("Content-Length", "0")]
        for names in ({}, _COMPACT) if room is not None else ({},):
            text = "".join(f"{names.get(name, name)}: {value}\r\n" for name, value in every)
            response = f"SIP/2.0 {code} {phrase}\r\n{text}\r\n".encode(charset, "replace")
            if room is None or len(response) <= room:
                return response
    return None


def _tagged(to: str, headers: Sequence[Header]) -> str:
    """With a tag of ours; it is the same each time the request comes."""
    if tagOf(to) is not None:
        return to
    return f"{to};tag={blake2b(repr(headers).encode(), digest_size=8, key=_KEY).hexdigest()}"


def tagOf(value: str) -> str | None:
    """The tag in a From or To, in the form that the gate gives it; C{None} if there is none."""
    return _tagBefore(value) if len(value) <= MAX_KEPT else _tag(value)


def _tag(value: str) -> str | None:
    return parameterOf(value.rpartition(">")[2], "tag")


_tagBefore = lru_cache(maxsize=TAGS_KEPT)(_tag)


def parameterOf(value: str, name: str) -> str | None:
    """A parameter of a header in the form that the gate gives it; C{None} if it is not there or has no value."""
    for piece in value.split(";")[1:]:
        key, _, found = piece.partition("=")
        if key.strip().lower() == name:
            return found.strip() or None
    return None
