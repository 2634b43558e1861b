# -*- test-case-name: ichatgw.test.calls.test_journal -*-
"""
How a party is told that its call is over by the next process, after the one that made the call was killed.

Each leg gives at any time what would have to be sent if its process ended now.  It is a value of strings, so that it
can be kept in a file: which adapter sends it, and what the adapter has to know.
"""

from __future__ import annotations

from typing import Protocol


class Says(Protocol):
    """An adapter that sends farewells of one way."""

    def __call__(self, *words: str) -> None:
        """
        Send one; C{words} is what followed the way.

        @raise Exception: if the words are none that this adapter has written.
        """
