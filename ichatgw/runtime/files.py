# -*- test-case-name: ichatgw.test.runtime.test_files -*-
"""
How many files and sockets the process may still open.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

INTERVAL = 1.0
"""Seconds from one count to the next: to count takes long where the kernel does not do it."""

LEAST = 16
"""A call opens four, and an answer over TCP may need another one."""

_FOLDER = "/proc/self/fd"


def opened() -> int:
    """How many are open; 0 if that is not known."""
    try:
        size = os.stat(_FOLDER).st_size  # Linux 6.2 and later say it here
        return size or len(os.listdir(_FOLDER))
    except OSError:
        return 0


def allowed() -> int:
    """How many may be open; 0 for any number."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else soft


@define(eq=False)
class Files:
    """
    @ivar opened: see L{opened}.
    @ivar allowed: see L{allowed}.
    """

    _clock: IReactorTime
    opened: Callable[[], int] = opened
    allowed: Callable[[], int] = allowed
    _next: float = field(default=float("-inf"), init=False)
    _trouble: str = field(default="", init=False)

    @property
    def trouble(self) -> str:
        """Why a call cannot be taken for want of files, in words; empty if there are enough."""
        now = self._clock.seconds()
        if now >= self._next:
            self._next = now + INTERVAL
            most, used = self.allowed(), self.opened()
            isShort = bool(most) and most - used < LEAST
            self._trouble = f"{used} of {most} are open: see ulimit -n, or LimitNOFILE of systemd" if isShort else ""
        return self._trouble
