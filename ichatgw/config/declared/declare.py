# -*- test-case-name: ichatgw.test.config.test_settings -*-
"""
How settings are declared: as attributes of attrs classes that carry their L{Setting}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import evolve, field

from ichatgw.config.reading.kinds import Kind, whole
from ichatgw.config.reading.reader import Setting

_T = TypeVar("_T")

PORT = whole(0, 65535)


def setting(section: str, name: str, kind: Kind[_T], default: _T, help: str, /, **more: Any) -> _T:
    """
    Declare an attribute of L{Settings}.

    @param more: goes into its L{Setting}.  Without C{reload} a change needs a restart.
    """
    about = Setting(section, name, "", kind, help, **more)
    declared: _T = field(default=default, repr=not about.secret, metadata={"about": (about,)})
    return declared


def rules(pattern: Setting, output: Setting) -> tuple[tuple[str, str], ...]:
    """Declare the one attribute that two settings make together."""
    declared: tuple[tuple[str, str], ...] = field(default=(), metadata={"about": (pattern, output)})
    return declared


def group(makes: Callable[..., _T], head: Setting, *parts: Setting) -> tuple[_T, ...]:
    """
    Declare the one attribute that settings make which stand in groups.

    @param makes: makes the value of a group, from the values of C{parts} by their names; raises C{ValueError}.
    @param head: the setting that begins a group.
    """
    about = (evolve(head, makes=makes), *parts)
    declared: tuple[_T, ...] = field(default=(), metadata={"about": about})
    return declared
