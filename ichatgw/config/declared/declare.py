# -*- test-case-name: ichatgw.test.config.test_settings -*-
"""
How settings are declared: as attributes of attrs classes that carry their L{Setting}.
"""

from __future__ import annotations

from typing import Any, TypeVar

from attrs import field

from ichatgw.config.reading.kinds import Kind, whole
from ichatgw.config.reading.reader import Setting

_T = TypeVar("_T")

PORT = whole(0, 65535)


def setting(section: str, name: str, kind: Kind[_T], default: _T, help: str, /, **more: Any) -> _T:
    """Declare an attribute of L{Settings}; C{more} goes into its L{Setting}."""
    about = Setting(section, name, "", kind, help, **more)
    declared: _T = field(default=default, repr=not about.secret, metadata={"about": (about,)})
    return declared


def rules(pattern: Setting, output: Setting) -> tuple[tuple[str, str], ...]:
    """Declare the one attribute that two settings make together."""
    declared: tuple[tuple[str, str], ...] = field(default=(), metadata={"about": (pattern, output)})
    return declared
