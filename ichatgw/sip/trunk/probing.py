# -*- test-case-name: ichatgw.test.sip.trunk.test_probing,ichatgw.test.sip.trunk.test_flows -*-
"""
Whether the servers of trunks are there: each is asked by OPTIONS now and then (RFC 3261 section 11).

Whatever it answers, it is there, unless it says that it takes nothing now (503).  One that has not answered twice is
down until it does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.errors import CallError
from ichatgw.sip.trunk.account import Account, Probing

ANSWER_TIMEOUT = 4.0
"""Seconds in which an OPTIONS is answered."""

SECOND_TRY = 2.0
"""Seconds after one that was not, until it is sent again."""

MAX_MISSED = 2

_SILENT, _REFUSING = 408, 503

_log = Logger()


class Refusing(CallError):
    """A server takes nothing now."""


def best(asked: Iterable[Deferred[int]]) -> Deferred[int]:
    """
    Fires with the first status that says that a server is there; if there is none, with 503.  It may be cancelled.

    @param asked: give statuses; all of them may be cancelled.
    """

    def judge(code: int) -> int:
        if code in (_SILENT, _REFUSING):
            raise Refusing(str(code))
        return code

    def over(outcome: object) -> int:
        return outcome[0] if isinstance(outcome, tuple) else _REFUSING

    each = [one.addCallback(judge) for one in asked]
    return DeferredList(each, fireOnOneCallback=True, consumeErrors=True).addCallback(over)


@define(eq=False)
class Probe:
    """
    The questions to one server.

    @ivar ask: sends an OPTIONS; its Deferred gives the status of the answer, and may be cancelled.
    @ivar draw: gives numbers from 0 to 1.
    """

    account: Account
    clock: IReactorTime
    ask: Callable[[Account], Deferred[int]]
    draw: Callable[[], float] = random.random
    _timer: IDelayedCall | None = field(default=None, init=False)
    _asked: Deferred[int] | None = field(default=None, init=False)
    _missed: int = field(default=0, init=False)

    def start(self) -> None:
        """Begin, the first time after a part of the interval that differs from trunk to trunk."""
        if self.account.trunk.probeTime:
            self._later(self.account.trunk.probeTime * self.draw())

    def stop(self) -> None:
        """Stop probing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()

    def doubt(self) -> None:
        """A call got no answer: the server is down until it says something."""
        if self.account.trunk.probeTime:
            self._missed = MAX_MISSED
            self._judge("a call got no answer")
            if self._asked is None:
                self._later(SECOND_TRY)

    def _later(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.clock.callLater(seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        asked = self._asked = self.ask(self.account)
        asked.addTimeout(ANSWER_TIMEOUT, self.clock, lambda result, seconds: _SILENT)
        asked.addCallbacks(self._answered, self._failed)

    def _failed(self, failure: Failure) -> None:
        if self._asked is None:
            return  # stopped
        if failure.check(CallError, OSError) is None:
            _log.failure("Trunk {trunk} could not be probed", failure, trunk=self.account.trunk.name)
        self._missing(str(failure.value)[:100])

    def _answered(self, code: int) -> None:
        if self._asked is None:
            return
        if code in (_SILENT, _REFUSING):
            self._missing("no answer" if code == _SILENT else "503")
            return
        self._asked = None
        self._missed = 0
        wasDown, self.account.probing = self.account.isDown, Probing.ANSWERS
        if wasDown:
            _log.info("Trunk {trunk} is up again", trunk=self.account.trunk.name)
        self._later(self.account.trunk.probeTime)

    def _missing(self, why: str) -> None:
        self._asked = None
        self._missed += 1
        self._judge(why)
        self._later(SECOND_TRY if self._missed < MAX_MISSED else min(self.account.trunk.probeTime, 2 * ANSWER_TIMEOUT))

    def _judge(self, why: str) -> None:
        if self._missed >= MAX_MISSED and not self.account.isDown:
            self.account.probing = Probing.SILENT
            _log.warn("Trunk {trunk} is down: {why}", trunk=self.account.trunk.name, why=why)
