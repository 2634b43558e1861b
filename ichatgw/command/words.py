# -*- test-case-name: ichatgw.test.command.test_words -*-
"""
How things are written for people, on a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from ichatgw.log.lines import escape

_COLOURS = {"caller": 36, "callee": 33, "wrong": 31, "faint": 2}


def plain(text: str) -> str:
    """Text that strangers may have sent, without what would do something to a terminal."""
    return escape(text)


def lasting(seconds: float) -> str:
    """A time such as C{0:05}, C{1:02:03} or C{3 d 1:02:03}."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = f"{hours}:{minutes:02}:{rest:02}" if days or hours else f"{minutes}:{rest:02}"
    return f"{days} d {text}" if days else text


def hasColours(environ: Mapping[str, str] = os.environ) -> bool:
    """Does the output go to a terminal whose user has nothing against colours (https://no-color.org)?"""
    return sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def coloured(text: str, kind: str, colours: bool) -> str:
    """
    Text in the colour of its kind.

    @param kind: C{caller}, C{callee}, C{wrong} or C{faint}; others have none.
    """
    code = _COLOURS.get(kind)
    return f"\033[{code}m{text}\033[0m" if colours and code is not None else text
