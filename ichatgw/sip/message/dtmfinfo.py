# -*- test-case-name: ichatgw.test.sip.message.test_dtmfinfo -*-
"""
Keys in the body of an INFO: C{application/dtmf-relay} and C{application/dtmf}.  No standard has them, most phones do.
Pure.
"""

from __future__ import annotations

import re

from ichatgw.errors import MalformedError
from ichatgw.model import KEYS, Tone

RELAY = "application/dtmf-relay"
PLAIN = "application/dtmf"

SHORTEST, LONGEST = 40, 10_000
"""Milliseconds: what is shorter is not heard (ITU-T Q.24), what is longer is a stuck key."""

_LINES = re.compile(r"[\r\n;]+").split
_BY_NUMBER = "0123456789*#ABCD"


def parse(text: str, contentType: str) -> Tone:
    """
    @raise MalformedError: if there is no key in it.
    """
    fields: dict[str, str] = {}
    for line in _LINES(text, 20)[:20]:
        name, sign, value = line.partition("=" if "=" in line else ":")  # some write it as a header
        if sign:
            fields.setdefault(name.strip().lower(), value.strip().strip('"'))
        elif contentType == PLAIN and name.strip():
            fields.setdefault("signal", name.strip())
    key = fields.get("signal", "").upper()
    if key.isascii() and key.isdigit() and 10 <= int(key[:3]) <= 15 and len(key) == 2:
        key = _BY_NUMBER[int(key)]  # as RFC 4733 numbers them
    if key not in KEYS:
        raise MalformedError("no key in it")
    duration = fields.get("duration", "")
    if duration.isascii() and duration.isdigit():
        return Tone(key, min(max(int(duration[:6]), SHORTEST), LONGEST))
    return Tone(key)


def write(tone: Tone) -> str:
    """The body of an INFO, of the type C{application/dtmf-relay}."""
    return f"Signal={tone.key}\r\nDuration={tone.milliseconds}\r\n"
