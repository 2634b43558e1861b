# -*- test-case-name: ichatgw.test.sip.transport.test_keepalive -*-
"""
Empty packets that keep the bindings of NATs open (RFC 5626 section 3.5): to phones in calls, and to registrars at which
users are registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ichatgw.sip.transport.target import Target

DATAGRAM_PERIOD = 30.0
"""Seconds between two packets to one place over UDP, as routers forget a flow after as little as that."""

STREAM_PERIOD = 180.0
"""Seconds between two pings over a connection."""

LOOK = 2.0
"""Seconds between two looks at who is to be kept; one comes so much too early at most, never too late."""

_log = Logger()


def _anything(target: Target) -> float | None:
    return None


class KeepAlives:
    """
    @ivar enabled: whether anything is sent.
    @param flows: gives the places to which messages go now.
    @param ping: sends one empty packet.
    @ivar most: the most seconds between two packets to a place that it wants; C{None} for the usual ones.
    """

    def __init__(
        self,
        clock: IReactorTime,
        flows: Callable[[], Iterable[Target]],
        ping: Callable[[Target], None],
        enabled: bool = True,
    ) -> None:
        self.enabled = enabled
        self.most: Callable[[Target], float | None] = _anything
        self._clock = clock
        self._flows = flows
        self._ping = ping
        self._due: dict[Target, float] = {}
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock
        self._looking: Deferred[LoopingCall] | None = None

    def start(self) -> None:
        """Look from now on."""
        self._looking = self._loop.start(LOOK)

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()
        self._due.clear()

    def _look(self) -> None:
        if not self.enabled:
            self._due.clear()
            return
        try:
            self._send(self._clock.seconds())
        except Exception:
            _log.failure("Keepalives failed once")

    def _first(self, target: Target) -> float:
        return 0.0 if target.transport.reliable else DATAGRAM_PERIOD - LOOK

    def _period(self, target: Target) -> float:
        usual = STREAM_PERIOD if target.transport.reliable else DATAGRAM_PERIOD
        most = self.most(target)
        return usual if most is None else min(usual, max(most, LOOK))

    def _send(self, now: float) -> None:
        due: dict[Target, float] = {}
        for target in self._flows():
            if target in due:
                continue
            # A connection is pinged as soon as it is used, to learn whether the far end answers that.
            period = self._period(target)
            due[target] = min(self._due.get(target, now + self._first(target)), now + period)
            if due[target] < now + LOOK:
                due[target] = now + period
                self._ping(target)
        self._due = due
