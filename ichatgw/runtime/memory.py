# -*- test-case-name: ichatgw.test.runtime.test_memory -*-
"""
Whether there is memory for another call.

Where the system sets a limit (C{ulimit -v}, C{MemoryMax} of systemd), new calls are refused before those that are up
suffer: when little is left below the limit, and for some time after something has failed for want of memory.  For that
case some is set aside, and given back at once.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import suppress

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import ILogObserver, LogEvent, Logger
from zope.interface import implementer

RESERVE = 4 * 1024 * 1024
"""Octets that are set aside."""

MARGIN = 24 * 1024 * 1024
"""Octets below a limit at which no new call is taken."""

PAUSE = 5.0
"""Seconds without new calls after memory was short."""

_MAX = "/sys/fs/cgroup{path}/memory.max"
_SIZE, _RESIDENT, _DATA = 0, 1, 5

_log = Logger()


@frozen
class Limit:
    """
    @ivar most: octets.
    @ivar counts: which number of C{/proc/self/statm} counts.
    """

    most: int
    counts: int


def limits() -> tuple[Limit, ...]:
    """Those that this process has."""
    found = [Limit(soft, number) for soft, number in _softLimits() if soft != resource.RLIM_INFINITY]
    with suppress(OSError, ValueError, StopIteration):
        with open("/proc/self/cgroup", encoding="ascii") as file:
            path = next(line[3:].strip() for line in file if line.startswith("0::"))
        with open(_MAX.format(path=path), encoding="ascii") as file:
            found.append(Limit(int(file.read()), _RESIDENT))
    return tuple(found)


def _softLimits() -> Iterator[tuple[int, int]]:
    for what, number in ((resource.RLIMIT_AS, _SIZE), (resource.RLIMIT_DATA, _DATA)):
        yield resource.getrlimit(what)[0], number


def usage() -> tuple[int, ...]:
    """The numbers of C{/proc/self/statm} in octets; none where there is no such file."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return tuple(int(number) * resource.getpagesize() for number in file.read().split())
    except (OSError, ValueError):
        return ()


@implementer(ILogObserver)
@define(eq=False)
class Memory:
    """
    @ivar limits: what the system allows.
    @ivar usage: what is used now, see L{usage}.
    """

    _clock: IReactorTime
    limits: tuple[Limit, ...] = field(factory=limits)
    usage: Callable[[], tuple[int, ...]] = usage
    allocate: Callable[[int], object] = bytearray
    _reserve: object = field(default=None, init=False)
    _until: float = field(default=0.0, init=False)
    _isShort: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._reserve = self.allocate(RESERVE)

    def __call__(self, event: LogEvent) -> None:
        """
        See every event of the log: whatever failed for want of memory, wherever, is logged as failure.  The reactor
        does so by Twisted's old log, which names it otherwise.
        """
        failure = event.get("log_failure") or event.get("failure")
        if failure is not None and failure.check(MemoryError):
            self._reserve = None
            self._until = self._clock.seconds() + PAUSE
            self._say(True)

    def hasRoom(self) -> bool:
        """May a new call begin?"""
        fine = self._clock.seconds() >= self._until and self._isBelow() and self._hasReserve()
        self._say(not fine)
        return fine

    def _isBelow(self) -> bool:
        if not self.limits:
            return True
        now = self.usage()
        return all(now[limit.counts] + _margin(limit) <= limit.most for limit in self.limits if limit.counts < len(now))

    def _hasReserve(self) -> bool:
        if self._reserve is None:
            try:
                self._reserve = self.allocate(RESERVE)
            except MemoryError:
                self._until = self._clock.seconds() + PAUSE
                return False
        return True

    def _say(self, isShort: bool) -> None:
        if isShort != self._isShort:
            self._isShort = isShort
            if isShort:
                _log.error("Memory is short: new calls are refused, those that are up go on")
            else:
                _log.info("There is memory for new calls again")


def _margin(limit: Limit) -> int:
    """What is kept free below a limit, also where it is a small one."""
    return min(MARGIN, limit.most // 8)
