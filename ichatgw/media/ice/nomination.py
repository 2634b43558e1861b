# -*- test-case-name: ichatgw.test.media.ice.test_agent -*-
"""
Whether a controlling peer that nominates a worse pair than the one in use means it (RFC 8445 section 8.1.1).
"""

from __future__ import annotations

from math import inf

from ichatgw.media.ice.checklist import Pair
from ichatgw.model import TransportAddress

STEADY = 5.0
"""
Seconds after which a peer that has nominated a worse pair, and not the better one since, means it.  Until then it may
have nominated all that it has tried (RFC 8445 section 8.1.1).
"""

QUIET = 1.0
"""Seconds after which media that came by a pair does not come by it any more."""

ABANDONED = 3.0
"""
Seconds without media and checks after which a pair is given up for one that was nominated: longer than browsers wait
from one check of a pair to the next.
"""

AGAIN = 0.5
"""Seconds from one change of ways to the next, if it is only media that shows it: some may arrive late."""


def isMeant(before: Pair, pair: Pair, now: float, heard: TransportAddress | None) -> bool:
    """
    @param before: the pair that is in use.
    @param pair: the worse one, which was nominated.
    @param heard: where the peer's media comes from; C{None} if none does.
    """
    if heard is not None and heard != before.remote.address:
        return heard == pair.remote.address
    if _since(before.nominatedAt, now) < _since(pair.nominatedAt, now):
        return False  # all are nominated again and again, and the better one last
    isQuiet = heard is None and _since(before.askedAt, now) >= ABANDONED
    return isQuiet or _since(pair.nominatedAt, now) >= STEADY


def _since(moment: float | None, now: float) -> float:
    """For how many seconds; for ever if it has not happened."""
    return inf if moment is None else now - moment
