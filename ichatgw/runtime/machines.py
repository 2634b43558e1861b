# -*- test-case-name: ichatgw.test.runtime.test_machines -*-
"""
State machines that are as fast with many transitions as with few.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

M = TypeVar("M", bound=Any)


def indexed(machine: M) -> M:
    """
    Let a machine remember what it has looked up: Automat searches all transitions for each input, which took a
    twentieth of the time of a call.

    @param machine: one that Automat's C{TypeMachineBuilder} has built.
    @return: the same.
    """
    automaton = machine.__automat_automaton__
    automaton.outputForInput = lru_cache(maxsize=None)(automaton.outputForInput)
    return machine
