# -*- test-case-name: ichatgw.test.runtime.test_steps -*-
"""
Long work in steps, so that other work can be done between them: a generator that yields after each step, and returns
what has come of it.  L{ichatgw.runtime.turns.Sweep} takes some steps in each turn of the reactor.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Work in steps that gives a C{T}."""

TakesSteps = Callable[[Steps[None]], object]
"""Takes the steps of some work: L{atOnce}, or a sweep that takes some in each turn of the reactor."""


def atOnce(steps: Steps[T]) -> T:
    """Take all steps now, and give what has come of them; what they raise is raised."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
