# -*- test-case-name: ichatgw.test.test_garbage -*-
"""
What is left of the machine of a leg that has ended.

A leg and its machine hold each other.  When the leg has said its last word it takes this in the machine's place, so
that nothing of it has to wait for the garbage collector.
"""

from __future__ import annotations

from collections.abc import Callable


class Over:
    """Takes every input: whatever comes is late, and means nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return _late


def _late(*arguments: object) -> None:
    """Unheard."""
