# -*- test-case-name: ichatgw.test.calls.test_journal,ichatgw.test.gateway.test_build,ichatgw.test.xmpp.test_stranded -*-  # noqa: E501
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Does something whenever the link is up, or lost.
"""

from __future__ import annotations

from collections.abc import Callable

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.python.failure import Failure
from wokkel.subprotocols import XMPPHandler

from ichatgw.runtime.nulls import unheard


class Linked(XMPPHandler):
    """
    @param told: called each time that stanzas can be sent (again).
    @param lost: called each time that they cannot be sent any more.
    """

    def __init__(self, told: Callable[[], object] = unheard, lost: Callable[[], object] = unheard) -> None:
        super().__init__()
        self._told = told
        self._lost = lost

    def connectionInitialized(self) -> None:
        """The link is up."""
        self._told()

    def connectionLost(self, reason: Failure) -> None:
        """It was up, perhaps."""
        super().connectionLost(reason)
        self._lost()
