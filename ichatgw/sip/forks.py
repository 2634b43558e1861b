# -*- test-case-name: ichatgw.test.test_sip_forks -*-
"""
One INVITE may reach many phones, and more than one of them may answer (RFC 3261 section 13.2.2.4).  The first is talked
to; each later one is acknowledged, and its dialog ended (X26).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol

from attrs import define, field
from sippy.UacStateTrying import UacStateTrying
from twisted.logger import Logger

_log = Logger()

MOST = 20_000
"""As many answered INVITEs are remembered before the older ones are let go."""


class Forked(Protocol):
    """The dialog that an INVITE began."""

    def fork(self, response: Any) -> Any:
        """Another dialog that the same INVITE has begun, as C{response} says."""


@define(eq=False)
class Forks:
    """
    Remembers which INVITEs were answered by whom, for as long as somebody else may answer: 64*T1 at least.
    """

    _recent: dict[Hashable, tuple[Forked, str | None]] = field(factory=dict, init=False)
    _older: dict[Hashable, tuple[Forked, str | None]] = field(factory=dict, init=False)

    def accepted(self, transaction: Hashable, dialog: Forked, tag: str | None) -> None:
        """The first 2xx has come."""
        if len(self._recent) >= MOST:
            self.rotate()
        self._recent[transaction] = dialog, tag

    def knows(self, transaction: Hashable) -> bool:
        """Was that INVITE answered a moment ago?"""
        return transaction in self._recent or transaction in self._older

    def another(self, transaction: Hashable, response: Any) -> Any:
        """
        A response to no transaction that lives.

        @return: the dialog that it has begun and nobody wants; C{None} if it has not.
        """
        known = self._recent.get(transaction) or self._older.get(transaction)
        if known is None or not 200 <= response.getSCode()[0] < 300:
            return None
        dialog, tag = known
        other = response.getHFBody("to").getTag()
        return None if other is None or other == tag else dialog.fork(response)

    def rotate(self) -> None:
        """Called every 32 s: what is older than that twice is forgotten."""
        self._older, self._recent = self._recent, {}

    def clear(self) -> None:
        """Forget all."""
        self._older, self._recent = {}, {}


def takeRoutes(dialog: Any, response: Any) -> None:
    """Set a dialog's route set and remote target by what C{response} says (RFC 3261 section 12.1.2)."""
    UacStateTrying(dialog).updateRoutes(response)
