# -*- test-case-name: ichatgw.test.test_garbage,ichatgw.test.media.relay.test_exchange -*-
"""
Null objects: what a closed side of a relay refers to in place of the other side, its sockets and its callbacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ichatgw.media.sockets.port import Source
from ichatgw.model import Tone


class NoFlow:
    """In the place of the L{Flow<ichatgw.media.relay.flow.Flow>} that comes from L{NoSide}."""

    @property
    def dropped(self) -> Counter[str]:
        """There are no counters here: always empty."""
        return Counter()

    def aim(self, send: Any, destination: Source | None) -> None:
        """Nothing flows."""

    def speak(self, formats: Sequence[Any]) -> None:
        """Does nothing."""

    def press(self, tone: Tone) -> bool:
        """It is not sent."""
        return False


class NoSide:
    """In the place of a L{Side<ichatgw.media.relay.side.Side>}."""

    arriving = NoFlow()
    muxed = False
    mediaWay = (None, None)

    def pairFor(self, destination: Source | None) -> None:
        """It has no ports."""

    def sendControl(self, datagram: bytes) -> None:
        """It has no party."""


NOBODY = NoSide()


def unwanted(size: int, source: Source) -> None:
    """What still comes is of no interest."""
