# -*- test-case-name: ichatgw.test.sim.test_options -*-
"""
Running a simulator as a program.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import react

from ichatgw.runtime.clock import useMonotonicTime


def exitWith(play: Callable[[Any], Awaitable[bool]], *, interrupted: bool = False, reactor: Any = None) -> NoReturn:
    """
    Run C{play} with the reactor, and exit: with 0 if it says that all is well, else with 1.

    @param interrupted: whether all is well if somebody ends the program before that.
    """
    fine = interrupted

    async def run(reactor: Any) -> None:
        nonlocal fine
        useMonotonicTime(reactor)
        fine = await play(reactor)

    try:
        react(lambda reactor: ensureDeferred(run(reactor)), _reactor=reactor)
    except SystemExit as ending:
        raise SystemExit(ending.code or (0 if fine else 1)) from None
    raise AssertionError("react always exits")
