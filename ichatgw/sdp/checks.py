# -*- test-case-name: ichatgw.test.sdp.test_checks -*-
"""
What a description says of ICE (RFC 8839).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ichatgw.model import Candidate, TransportAddress

MAX_CANDIDATES = 32
"""As many of one stream are looked at."""

_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}\Z")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}\Z")
_CANDIDATE = re.compile(
    r"([A-Za-z0-9+/]{1,32}) ([1-9][0-9]?) (\S{1,10}) ([0-9]{1,10}) (\S{1,255}) ([0-9]{1,5}) typ ([a-z]{1,10})\b",
    re.IGNORECASE | re.ASCII,
)


def readICE(session: Iterable[str], media: Iterable[str]) -> tuple[str, str, tuple[Candidate, ...]]:
    """
    @param session: the attributes of the session.
    @param media: those of the stream, which count more.
    @return: user name fragment, password and the candidates that can be read; all empty if there is no ICE, or the
        party is the lite end of it, as we are: neither checks anything then.
    """
    session, media = list(session), list(media)
    ufrag = _first("ice-ufrag", media, session)
    password = _first("ice-pwd", media, session)
    if "ice-lite" in session or not _UFRAG.match(ufrag) or not _PASSWORD.match(password):
        return "", "", ()
    written = [value[10:].strip() for value in media if value.startswith("candidate:")]
    return ufrag, password, tuple(found for text in written[:MAX_CANDIDATES] if (found := _candidate(text)))


def _first(name: str, media: list[str], session: list[str]) -> str:
    values = (value.partition(":")[2].strip() for value in (*media, *session) if value.startswith(f"{name}:"))
    return next(values, "")


def _candidate(text: str) -> Candidate | None:
    match = _CANDIDATE.match(" ".join(text.split()))
    if match is None or match[3].upper() != "UDP":
        return None
    try:
        address = TransportAddress(match[5], int(match[6]))
    except ValueError:  # a name that stands for an address
        return None
    return Candidate(match[1], int(match[2]), int(match[4]), address, "udp", match[7].lower())


def isMismatch(candidates: Iterable[Candidate], address: TransportAddress | None) -> bool:
    """
    Has a host between us that does not know ICE put another address in the place of the party's?  Then that one
    counts, and no ICE is done (RFC 8839 section 4.2.5).

    @param address: where the stream goes by C{c=} and C{m=}; C{None} if that is not known.
    """
    places = [candidate.address for candidate in candidates if candidate.component == 1]
    return address is not None and bool(places) and address not in places
