# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Waiting without sleeping.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.task import deferLater

_T = TypeVar("_T")


def within(reactor: Any, seconds: float, waiting: Deferred[_T]) -> Deferred[_T]:
    """C{waiting}, or a L{TimeoutError} after C{seconds}."""
    return waiting.addTimeout(seconds, reactor)


def pause(reactor: Any, seconds: float) -> Deferred[None]:
    """Let time pass, and with it a call go on."""
    return deferLater(reactor, seconds, lambda: None)


async def until(reactor: Any, condition: Callable[[], object], what: str, patience: float = 10.0) -> None:
    """
    Wait until C{condition} is true, for what gives no sign of its own.

    @raise TimeoutError: after C{patience} seconds, saying C{what} did not happen.
    """
    last = reactor.seconds() + patience
    while not condition():
        if reactor.seconds() > last:
            raise TimeoutError(patience, f"{what} did not happen within {patience} s")
        await pause(reactor, 0.02)
