# -*- test-case-name: ichatgw.test.test_limits -*-
"""
How many calls one caller may have, and how many all may begin in a second.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from ichatgw.errors import Congested, Refused
from ichatgw.model import Party
from ichatgw.ratelimit import RateLimit


@define(eq=False)
class Limits:
    """
    Counts calls.  Callers are told apart by their addresses, those without one by nothing: they count as one.

    @ivar perCaller: how many calls a caller may have at a time; 0 for any number.
    """

    _clock: IReactorTime
    perCaller: int = 0
    _perSecond: int = field(default=0, alias="perSecond")
    _rate: RateLimit = field(init=False)
    _callers: dict[str, str] = field(factory=dict, init=False)
    _counts: dict[str, int] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.perSecond = self._perSecond

    @property
    def perSecond(self) -> int:
        """How many calls may begin in a second, and at once; 0 for any number."""
        return self._perSecond

    @perSecond.setter
    def perSecond(self, calls: int) -> None:
        self._perSecond = calls
        self._rate = RateLimit(self._clock, calls, calls)

    def begin(self, callId: str, caller: Party) -> None:
        """
        A call wants to begin.

        @raise Refused: if the caller has as many as he may.
        @raise Congested: if too many have begun.
        """
        key = callerKey(caller)
        if self.perCaller and self._counts.get(key, 0) >= self.perCaller:
            raise Refused(f"this caller has {self._counts[key]} calls, CallsPerCaller allows no more")
        if self.perSecond and not self._rate.allow(None):
            raise Congested(f"more than {self.perSecond} calls in a second, CallsPerSecond allows no more")
        self._callers[callId] = key
        self._counts[key] = self._counts.get(key, 0) + 1

    def admit(self, callId: str, caller: Party) -> None:
        """
        A call that is up wants to lead its C{caller} elsewhere: as C{begin}, but this call is not one more.

        @raise Refused: if the caller has as many others as he may.
        @raise Congested: if too many calls have begun.
        """
        key = callerKey(caller)
        others = self._counts.get(key, 0) - (self._callers.get(callId) == key)
        if self.perCaller and others >= self.perCaller:
            raise Refused(f"this caller has {others} other calls, CallsPerCaller allows no more")
        if self.perSecond and not self._rate.allow(None):
            raise Congested(f"more than {self.perSecond} calls in a second, CallsPerSecond allows no more")

    def move(self, callId: str, caller: Party) -> None:
        """A call has another caller now; it counts as his, even if he has as many as he may."""
        if callId in self._callers:
            self.end(callId)
            key = self._callers[callId] = callerKey(caller)
            self._counts[key] = self._counts.get(key, 0) + 1

    def end(self, callId: str) -> None:
        """A call is over; one that never began does not matter."""
        key = self._callers.pop(callId, None)
        if key is not None:
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key]


def callerKey(caller: Party) -> str:
    """The same for all calls of somebody: his address without resource, port and parameters."""
    scheme, _, rest = caller.uri.lower().partition(":")
    if scheme == "xmpp":
        return f"{scheme}:{rest.partition('/')[0]}"
    user, at, host = rest.partition(";")[0].rpartition("@")
    host = host.partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return f"sip:{user}{at}{host}"
