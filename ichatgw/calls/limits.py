# -*- test-case-name: ichatgw.test.calls.test_limits,ichatgw.test.runtime.test_memory -*-
"""
How many calls one caller may have, and how many all may begin in a second.

Of the calls that may begin, one half is taken in order of arrival.  The other half is for callers that have begun few
of late, from sources that have begun few of late: a caller that begins as many as it can, under whatever names, leaves
room for all others, and has what they do not use.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from ichatgw.address import Address
from ichatgw.errors import Congested, Refused
from ichatgw.model import Party
from ichatgw.runtime.ratelimit import RateLimit

OF_CALLER, OF_SOURCE = 4, 2
"""Of the other half a caller may have the limit divided by the first number, and a source divided by the second."""


@define(eq=False)
class Limits:
    """
    Counts calls.  Callers are told apart by their addresses, those without one by nothing: they count as one.

    @ivar perCaller: how many calls a caller may have at a time; 0 for any number.
    @ivar hasRoom: tells whether there is memory for another one.
    """

    _clock: IReactorTime
    perCaller: int = 0
    _perSecond: int = field(default=0, alias="perSecond")
    hasRoom: Callable[[], bool] = lambda: True
    _all: RateLimit = field(init=False)
    _each: tuple[RateLimit, RateLimit] = field(init=False)
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
        self._all = RateLimit(self._clock, calls, calls, mostSources=1)
        shares = (max(1, calls // part) for part in (OF_CALLER, OF_SOURCE))
        caller, source = (RateLimit(self._clock, share, share) for share in shares)
        self._each = caller, source

    def begin(self, callId: str, caller: Party) -> None:
        """
        A call wants to begin.

        @raise Refused: if the caller has as many as it may.
        @raise Congested: if memory is short.
        """
        if not self.hasRoom():
            raise Congested("memory is short")
        key = callerKey(caller)
        if self.perCaller and self._counts.get(key, 0) >= self.perCaller:
            raise Refused(f"this caller has {self._counts[key]} calls, CallsPerCaller allows no more")
        self._callers[callId] = key
        self._counts[key] = self._counts.get(key, 0) + 1

    def admit(self, callId: str, caller: Party) -> None:
        """
        A call that is up wants to lead its C{caller} elsewhere: as C{begin}, but this call is not one more.

        @raise Refused: if the caller has as many others as it may.
        """
        key = callerKey(caller)
        others = self._counts.get(key, 0) - (self._callers.get(callId) == key)
        if self.perCaller and others >= self.perCaller:
            raise Refused(f"this caller has {others} other calls, CallsPerCaller allows no more")

    def spend(self, caller: Party, source: str) -> None:
        """
        Count a call that begins: its address leads to a party.

        @param source: where the caller is, as far as it cannot choose that: a host, or the domain of its server.
        @raise Congested: if too many calls have begun.
        """
        if not self.perSecond:
            return
        isScarce = self._all.left(None) <= self.perSecond / 2
        if isScarce and not all(
            each.allow(key) for each, key in zip(self._each, (callerKey(caller), source), strict=True)
        ):
            raise Congested(f"most of {self.perSecond} calls in a second, CallsPerSecond leaves the rest to others")
        if not self._all.allow(None):
            raise Congested(f"more than {self.perSecond} calls in a second, CallsPerSecond allows no more")

    def isSpent(self, caller: Callable[[], Party], source: str) -> bool:
        """
        Would C{spend} raise now?

        @param caller: tells who calls; asked only if it depends on that.
        """
        if not self.perSecond:
            return False
        left = self._all.left(None)
        if left < 1 or left > self.perSecond / 2:
            return left < 1
        keys = callerKey(caller()), source
        return any(each.left(key) < 1 for each, key in zip(self._each, keys, strict=True))

    def move(self, callId: str, caller: Party) -> None:
        """A call has another caller now; it counts as that one's, even if it has as many as it may."""
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
    """The same for all calls of one caller: its address without resource, port and parameters."""
    address = Address(caller.uri)
    return f"{'xmpp' if address.scheme == 'xmpp' else 'sip'}:{address.bare}"


def sourceOfCalls(caller: Party) -> str:
    """
    Where a caller is, as far as it cannot choose that.

    @return: for SIP the source of the INVITE, for XMPP the domain of its server.
    """
    return caller.origin or callerKey(caller).rpartition("@")[2]
