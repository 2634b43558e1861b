# -*- test-case-name: ichatgw.test.calls.test_journal,ichatgw.test.gateway.test_tap -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Does something whenever the link is up.
"""

from __future__ import annotations

from collections.abc import Callable

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from wokkel.subprotocols import XMPPHandler


class Linked(XMPPHandler):
    """
    @param told: called each time that stanzas can be sent (again).
    """

    def __init__(self, told: Callable[[], object]) -> None:
        super().__init__()
        self._told = told

    def connectionInitialized(self) -> None:
        """The link is up."""
        self._told()
