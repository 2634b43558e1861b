# -*- test-case-name: ichatgw.test.sim.sip.test_phone -*-
"""
Things that happen once, for any number of people who wait for them.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

T = TypeVar("T")


class Missed(ConnectionDone):
    """What was waited for can no longer happen."""

    def __str__(self) -> str:
        return str(self.args[0])


@define(eq=False)
class OneShot(Generic[T]):
    """
    Something that happens once or not at all; the first word counts.

    @ivar happened: whether it did.
    """

    happened: bool = field(default=False, init=False)
    _result: T | Failure | None = field(default=None, init=False)
    _waiting: list[Deferred[T]] = field(factory=list, init=False)

    def when(self) -> Deferred[T]:
        """Fires when it happens, at once if it already did; fails if it can no longer happen."""
        if isinstance(self._result, Failure):
            return fail(self._result)
        if self.happened:
            return succeed(self._result)  # type: ignore[arg-type]
        waiter: Deferred[T] = Deferred()
        self._waiting.append(waiter)
        return waiter

    def come(self, value: T) -> None:
        """It happened."""
        if self.happened or self._result is not None:
            return
        self.happened = True
        self._result = value
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(value)

    def miss(self, why: str) -> None:
        """It can no longer happen."""
        if self.happened or self._result is not None:
            return
        self._result = Failure(Missed(why))
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.errback(self._result)
