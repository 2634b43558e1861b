# -*- test-case-name: ichatgw.test.test_xmpp_ratelimit -*-
"""
So many, for each one, in so much time.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.interfaces import IReactorTime


@define(eq=False)
class RateLimit:
    """
    Counts what each key does, and says when it is too much.

    @ivar clock: tells the time.
    @ivar count: how often a key may, within one C{period}.
    @ivar period: in seconds, from the first time on.
    @ivar size: how many keys are remembered; while all places are taken by keys within their period, a new key is
        refused.
    """

    clock: IReactorTime
    count: int
    period: float
    size: int = 1024
    _seen: dict[str, tuple[float, int]] = field(factory=dict, init=False)

    def allows(self, key: str) -> bool:
        """May C{key} do it now?  If so, it is counted."""
        now = self.clock.seconds()
        started, used = self._seen.get(key, (now, 0))
        if now - started >= self.period:
            started, used = now, 0
        if used >= self.count or (key not in self._seen and not self._hasRoom(now)):
            return False
        self._seen[key] = (started, used + 1)
        return True

    def _hasRoom(self, now: float) -> bool:
        if len(self._seen) < self.size:
            return True
        self._seen = {key: value for key, value in self._seen.items() if now - value[0] < self.period}
        return len(self._seen) < self.size
