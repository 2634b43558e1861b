# -*- test-case-name: ichatgw.test.media.relay.test_absence -*-
"""
Whether a party that should send is still there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from ichatgw.media.relay.closed import NOBODY
from ichatgw.media.relay.flow import LOOK_SECONDS
from ichatgw.media.relay.sideview import SideView
from ichatgw.runtime.nulls import unheard


class Absence:
    """
    Notices that neither RTP nor RTCP has come for a while.  A party that has never been heard is not missed, nor is one
    that holds.  Some phones send nothing while their user is silent, so C{silent} decides what this means.

    @ivar silent: told of it, and again each time that the while has passed once more.
    """

    silent: Callable[[], None]

    def __init__(self, side: SideView, patience: float) -> None:
        """
        @param patience: seconds; 0 for ever.
        """
        self._side = side
        self._patience = round(patience / LOOK_SECONDS)
        self._looks = 0
        self.silent = unheard

    def letGo(self) -> None:
        """The side is closed."""
        self._side, self.silent, self._patience = cast(SideView, NOBODY), unheard, 0

    def look(self) -> None:
        """To be called every L{LOOK_SECONDS}, after the flow was looked at."""
        if not self._patience:
            return
        side = self._side
        flow, control = side.arriving, side.control
        if not flow.quietLooks or control.heard or flow.source is None or not side.direction.sends:
            control.heard = False
            self._looks = 0
            return
        self._looks += 1
        if self._looks >= self._patience:
            self._looks = 0
            self.silent()
