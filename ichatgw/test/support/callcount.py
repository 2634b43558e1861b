# -*- test-case-name: ichatgw.test.sip.leg.test_hold -*-
"""
How many calls of functions something takes, and how often the next one is in another module: what there is to read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from attrs import define, field


@define
class Calls:
    """
    @ivar isCounted: is a module one of those that count, by its name?
    @ivar made: the module and the name of each function called, in order; comprehensions are none.
    """

    isCounted: Callable[[str], bool]
    made: list[tuple[str, str]] = field(factory=list)

    @property
    def changes(self) -> int:
        """How often the next call is in another module."""
        return sum(one[0] != other[0] for one, other in zip(self.made, self.made[1:], strict=False))

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what is called meanwhile."""
        before = sys.getprofile()
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(before)

    def _profile(self, frame: FrameType, event: str, argument: object) -> None:
        if event != "call":
            return
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if self.isCounted(module) and (name == "<lambda>" or not name.startswith("<")):
            self.made.append((module, name))
