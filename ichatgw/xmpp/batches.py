# -*- test-case-name: ichatgw.test.test_xmpp_batches -*-
"""
Much work, some at a time, so that neither the reactor nor the server is held up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

BATCH = 200
BATCH_INTERVAL = 0.02

T = TypeVar("T")


class Batches(Generic[T]):
    """
    Does the same for each of many things: for L{BATCH} of them at once, and for the others L{BATCH_INTERVAL} seconds
    later.
    """

    def __init__(self, clock: IReactorTime, do: Callable[[T], Any], ready: Callable[[], bool] = lambda: True) -> None:
        """
        @param ready: is this a moment to do more?
        """
        self._ready = ready
        self._clock = clock
        self._do = do
        self._later: IDelayedCall | None = None

    def start(self, items: Iterable[T]) -> None:
        """Begin with these; what is left of others is left undone."""
        self.stop()
        self._go(iter(items))

    def stop(self) -> None:
        """Leave the rest undone.  Idempotent."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _go(self, items: Iterator[T]) -> None:
        self._later = None
        batch = list(islice(items, BATCH)) if self._ready() else []
        for item in batch:
            self._do(item)
        if len(batch) == BATCH or not self._ready():
            self._later = self._clock.callLater(BATCH_INTERVAL, self._go, items)
