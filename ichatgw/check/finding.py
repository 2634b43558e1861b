# -*- test-case-name: ichatgw.test.check.test_run -*-
"""
What a check has found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial

from attrs import frozen

from ichatgw.log.lines import escape

LONGEST = 500
"""Characters of what is wrong, and of the remedy: some of it comes from far ends."""


class Level(Enum):
    """How bad it is; the value is how it is written."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@frozen
class Finding:
    """
    One line for the administrator.

    @ivar subject: what it is about, in a word or two.
    @ivar what: what is so.
    @ivar remedy: what to do; empty if all is well.
    """

    subject: str
    level: Level
    what: str
    remedy: str = ""


Tell = Callable[[Finding], object]
"""Takes what a check finds, when it finds it."""


def _finding(level: Level, subject: str, what: str, remedy: str = "") -> Finding:
    return Finding(subject, level, escape(what[:LONGEST]), escape(remedy[:LONGEST]))


ok = partial(_finding, Level.OK)
warning = partial(_finding, Level.WARNING)
error = partial(_finding, Level.ERROR)


def exitStatus(findings: Iterable[Finding]) -> int:
    """0 if all is well, 1 if there are warnings, 2 if there are errors."""
    levels = {finding.level for finding in findings}
    return 2 if Level.ERROR in levels else 1 if Level.WARNING in levels else 0
