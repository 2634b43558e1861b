# -*- test-case-name: ichatgw.test.sip.sippylib.test_clock -*-
"""
sippy's clock and timers on ours.

sippy brings an event loop of its own, started by the mere import of C{sippy.Core.EventDispatcher}, and prints what it
has to say.  This module must be imported before any other part of sippy: it puts stand-ins in the place of the loop and
of the ctypes clock, and turns sippy's prints and traceback dumps into log events.  The dispatcher is the one thing that
sippy binds globally, so there is one here; its clock is set by L{useClock}.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol, TextIO

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ichatgw.runtime.clock import cancel

_log = Logger(namespace="ichatgw.sip.sippy")


class Timer(Protocol):
    """What sippy's C{Timeout} gives."""

    def cancel(self) -> None:
        """Stop."""


@define(eq=False)
class SippyTimer:
    """
    What sippy's C{Timeout} gets from us; sippy calls C{go}, C{cancel} and C{spread_runs}.

    @ivar ival: seconds between two runs.
    @ivar nticks: how many runs; -1 means for ever.
    """

    clock: IReactorTime
    callback: Callable[..., None] | None
    ival: float
    nticks: int
    params: tuple[Any, ...]
    _delayed: IDelayedCall | None = field(default=None, init=False)

    def go(self) -> None:
        """Start."""
        self._delayed = self.clock.callLater(max(0.0, self.ival), self._fire)

    def cancel(self) -> None:
        """Stop; what it held is let go."""
        delayed, self._delayed = self._delayed, None
        self.callback = None
        self.params = ()
        cancel(delayed)

    def spread_runs(self, fraction: float) -> None:  # sippy's name
        """Jitter is of no use to us: our timers are few and per call."""

    def _fire(self) -> None:
        callback, params = self.callback, self.params
        if callback is None:
            return
        if self.nticks > 0:
            self.nticks -= 1
        if self.nticks == 0:
            self.cancel()
        else:
            self.go()
        try:
            callback(*params)
        except Exception:
            _log.failure("A SIP timer failed; the transaction it belonged to is left to its other timers")


class Dispatcher:
    """
    Stands in for sippy's C{EventDispatcher2}: timers become C{clock.callLater}.

    @ivar clock: set by L{useClock}; there is no default, so that no test runs on real time by accident.
    """

    clock: IReactorTime

    def regTimer(
        self, callback: Callable[..., None], ival: Any, nticks: int | None = 1, abs_time: bool = False, *params: object
    ) -> SippyTimer:
        """As sippy calls it: C{ival} is in seconds, or a C{MonoTime} if C{abs_time}."""
        seconds = -ival.offsetFromNow() if abs_time else ival
        return SippyTimer(self.clock, callback, seconds, 1 if nticks is None else nticks, params)

    def callFromThread(self, callback: Callable[..., None], *params: object) -> None:
        """There are no threads: later is soon enough."""
        self.clock.callLater(0, callback, *params)

    def regSignal(self, *args: object, **kwargs: object) -> None:
        """Signals belong to the reactor."""


def useClock(clock: IReactorTime) -> None:
    """Let sippy's timers run on C{clock}."""
    dispatcher.clock = clock


def _dumpException(message: str, f: TextIO | None = None, extra: object = None) -> None:
    """In the place of sippy's, which writes tracebacks and the peer's raw bytes to stdout."""
    kind, value, _ = sys.exc_info()
    _log.debug("{words!r}: {kind} {value!r}", words=message[:200], kind=kind and kind.__name__, value=str(value)[:200])


def _print(*words: object, **kwargs: object) -> None:
    """In the place of C{print} inside sippy's modules."""
    _log.debug("sippy says {text!r}", text=" ".join(map(str, words))[:200])


def _dir(thing: object) -> tuple[str, ...]:
    """
    In the place of C{dir} inside sippy's modules, which ask C{'my' in dir(x)} some seventy times a call.
    """
    return ("my",) if hasattr(thing, "my") else ()


def _install() -> Dispatcher:
    loop = ModuleType("sippy.Core.EventDispatcher", "Stands in for sippy's event loop.")
    ours = Dispatcher()
    loop.ED2 = ours  # type: ignore[attr-defined]
    loop.EventDispatcher2 = Dispatcher  # type: ignore[attr-defined]
    sys.modules["sippy.Core.EventDispatcher"] = loop

    clock = ModuleType("sippy.Time.clock_dtime", "Stands in for sippy's ctypes clock.")
    clock.clock_getdtime = time.clock_gettime  # type: ignore[attr-defined]
    clock.clock_getntime = time.clock_gettime_ns  # type: ignore[attr-defined]
    clock.CLOCK_REALTIME = time.CLOCK_REALTIME  # type: ignore[attr-defined]
    clock.CLOCK_MONOTONIC = time.CLOCK_MONOTONIC  # type: ignore[attr-defined]
    sys.modules["sippy.Time.clock_dtime"] = clock

    import sippy.Core.Exceptions

    sippy.Core.Exceptions.dump_exception = _dumpException

    import sippy.SipConf
    import sippy.SipTransactionManager
    import sippy.UA

    for name, module in list(sys.modules.items()):
        if name.startswith("sippy."):
            vars(module).update(print=_print, dir=_dir)
    # A tel: URI in a From is a caller's number, not an error.
    sippy.SipConf.SipConf.autoconvert_tel_url = True
    return ours


dispatcher = _install()
