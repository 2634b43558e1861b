# -*- test-case-name: ichatgw.test.xmpp.test_stranded -*-
"""
Calls that wait for a user who cannot be reached any more, as the link to their server is lost.

What they have been sent may have arrived, but no answer will come while there is no link, and what is sent meanwhile is
dropped: the caller is told at once, and may try again.  Calls that are up go on, as their media does not need the link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ichatgw.calls.call import Call
from ichatgw.model import Ending, EndReason
from ichatgw.runtime.turns import Sweep, Turns

RETRY_AFTER = 5
"""Seconds after which the caller may find the link up again."""

_LOST = Ending(EndReason.NO_LINK, "the link to the XMPP server was lost", RETRY_AFTER, cause=38)


class Stranded:
    """
    @param turns: gives time for many calls.
    @param calls: those that live.
    """

    def __init__(self, turns: Turns, calls: Callable[[], Iterable[Call]]) -> None:
        self._calls = calls
        self._sweep: Sweep[Call] = turns.sweep(lambda call: call.strand("xmpp", _LOST))

    def lost(self) -> None:
        """The link is lost."""
        self._sweep.start(self._calls())
