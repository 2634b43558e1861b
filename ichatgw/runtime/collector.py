# -*- test-case-name: ichatgw.test.runtime.test_collector -*-
"""
When Python looks for cyclic garbage.

Left to itself it stops all for 30 to 40 ms about once a second under load.  So it is told when: the few objects made
since it looked last, after a job that brought them to L{YOUNG}, which takes about a millisecond; and all that has
become older meanwhile only when no call is up.  That costs no memory: calls leave no cycles (C{test_garbage}), and
those of stanzas are young.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

YOUNG = 4000
"""Objects that have come since the last look and still are there, at which the next one is due."""

LOOK_INTERVAL = 10.0
"""Seconds between two looks whether no call is up."""

OLD_LOOKS = 360
"""Looks in quiet moments from one that takes in all there is, which may take a second, to the next: an hour."""


@define(eq=False)
class Collector(Service):
    """
    Runs Python's collector.

    @ivar isQuiet: is no call up now?
    """

    _clock: IReactorTime
    isQuiet: Callable[[], bool]
    _later: IDelayedCall | None = field(default=None, init=False)
    _looks: int = field(default=0, init=False)

    def startService(self) -> None:
        """From now on it runs when we say so.  What is there now stays for ever, and is not looked at again."""
        Service.startService(self)
        gc.collect()
        gc.freeze()
        gc.disable()
        self._later = self._clock.callLater(LOOK_INTERVAL, self._look)

    def stopService(self) -> None:
        """From now on it runs by itself."""
        Service.stopService(self)
        gc.enable()
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def jobEnded(self, seconds: float, name: str) -> None:
        """A job of so many seconds may have left young garbage."""
        if gc.get_count()[0] >= YOUNG and self.running:
            gc.collect(0)

    def _look(self) -> None:
        self._later = self._clock.callLater(LOOK_INTERVAL, self._look)
        self._looks += 1
        if not self.isQuiet():
            return
        if self._looks >= OLD_LOOKS:
            self._looks = 0
            gc.unfreeze()
            gc.collect()
        else:
            gc.collect(1)
        gc.freeze()
