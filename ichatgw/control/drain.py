# -*- test-case-name: ichatgw.test.control.test_drain -*-
"""
Ends the process without ending a call: no new ones are taken, and when those that are up are over, it stops.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from enum import Enum, auto
from types import FrameType
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

SIGNAL = signal.SIGUSR2
"""C{twistd} itself takes C{SIGUSR1}, to begin a new log file."""

_log = Logger()


class Drained(Protocol):
    """What L{ichatgw.calls.switch.Switch} can do."""

    def drain(self) -> Deferred[None]:
        """Take no new calls.  Fires when none is left."""

    @property
    def live(self) -> int:
        """How many calls there are."""


class _State(Enum):
    IDLE = auto()
    DRAINING = auto()
    STOPPING = auto()


class Drain(Service):
    """
    Drains at L{SIGNAL}, or when it is told to.  The second time it does not wait: calls that are up are ended.

    @ivar began: called once, when it begins.
    """

    def __init__(self, reactor: IReactorFromThreads, calls: Drained, stop: Callable[[], object]) -> None:
        """
        @param stop: stops the process in good order, which ends all calls.
        """
        self.began: Callable[[], object] = lambda: None
        self._reactor = reactor
        self._calls = calls
        self._stop = stop
        self._state = _State.IDLE
        self._before: Any = None

    def startService(self) -> None:
        """Listen to the signal."""
        Service.startService(self)
        self._before = signal.signal(SIGNAL, self._signalled)

    def stopService(self) -> None:
        """The process stops, for whatever reason."""
        Service.stopService(self)
        self._state = _State.STOPPING
        signal.signal(SIGNAL, self._before if self._before is not None else signal.SIG_DFL)

    def order(self) -> str:
        """
        Begin; the second time, hurry.

        @return: what happens now, in words.
        """
        count = self._calls.live
        if self._state is _State.STOPPING:
            return "The gateway is stopping already"
        if self._state is _State.DRAINING:
            _log.info("Draining is cut short: {count} calls end now", count=count)
            self._end()
            return f"{_counted(count)} ended now, and the gateway stops"
        self._state = _State.DRAINING
        _log.info("Draining: no new calls; the gateway stops when {count} calls are over", count=count)
        self.began()
        self._calls.drain().addCallback(lambda _: self._end())
        if not count:
            return "There are no calls: the gateway stops"
        return f"No new calls are taken, and the gateway stops when {_counted(count)} over; drain again to end them now"

    def _end(self) -> None:
        if self._state is not _State.STOPPING:
            self._state = _State.STOPPING
            _log.info("Drained: the gateway stops")
            # In a turn of its own, so that the answer to the order goes out before.
            self._reactor.callFromThread(self._stop)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self.order)


def _counted(calls: int) -> str:
    return "1 call is" if calls == 1 else f"{calls} calls are"
