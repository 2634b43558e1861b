# -*- test-case-name: ichatgw.test.test_garbage,ichatgw.test.ichat.test_contract -*-
"""
What takes the place of something that is over, or that is not there.

Objects that hold each other let go when the last word is said: each takes one of these instead, so that nothing has to
wait for the garbage collector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def unheard(*arguments: Any, **named: Any) -> None:
    """A callback that does nothing."""


class Over:
    """What is left of the machine of a leg that has ended: whatever comes is late, and means nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return unheard
