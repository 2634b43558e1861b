# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
How busy the machine is with something else, so that a test knows what its measurements are worth.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from time import monotonic

from attrs import define, field

TICK = 1 / os.sysconf("SC_CLK_TCK")


@define(eq=False)
class Others:
    """
    Measures what all others do.

    @ivar pids: our programs that run; those that have ended count as ours too.
    """

    pids: Iterable[int]
    _began: float = field(init=False)
    _others: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._began, self._others = monotonic(), self._worked()

    def load(self) -> float:
        """How many processors they have kept busy since this was made."""
        return (self._worked() - self._others) / (monotonic() - self._began)

    def _worked(self) -> float:
        """Seconds of all processors that were not ours."""
        words = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
        user, nice, system, _, _, *rest = map(int, words[:8])
        own = os.times()
        ours = own.user + own.system + own.children_user + own.children_system
        return (user + nice + system + sum(rest)) * TICK - ours - sum(map(_secondsOf, self.pids))


def _secondsOf(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(words[11]) + int(words[12])) * TICK
