# -*- test-case-name: ichatgw.test.sip.leg.test_telling -*-
"""
Connected identity: whether SIP parties are told who is at the other end of their call.
"""

from __future__ import annotations

from enum import Enum


class Telling(Enum):
    """When a party is told; the values are those of the setting C{ConnectedIdentity}."""

    NEVER = "no"
    ANSWERS = "answers"
    CHANGES = "changes"
