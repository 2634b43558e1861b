# -*- test-case-name: ichatgw.test.sip.transport.test_keepalive,ichatgw.test.sip.transport.test_connectionpool -*-
"""
Empty packets that keep the bindings of NATs open (RFC 5626 section 3.5): to phones in calls, and to registrars at which
users are registered; and whether those over a connection are answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ichatgw.runtime.clock import cancel
from ichatgw.runtime.nulls import unheard
from ichatgw.runtime.steps import Steps, TakesSteps, atOnce
from ichatgw.sip.transport.target import Target

DATAGRAM_PERIOD = 30.0
"""Seconds between two packets to one place over UDP, as routers forget a flow after as little as that."""

STREAM_PERIOD = 180.0
"""Seconds between two pings over a connection."""

PONG_TIMEOUT = 10.0
"""Seconds that the answer to a ping may take (RFC 5626 section 4.4.1)."""

PROOFS = 2
"""How many pings a far end answers before we count on it."""

PROMPT = 2.0
"""Seconds within which it does so."""

ANOTHER = 5.0
"""Seconds after which it is asked for another proof."""

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
    @ivar sweep: takes the steps of a look: one for each place.
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
        self.sweep: TakesSteps = atOnce
        self._clock = clock
        self._flows = flows
        self._ping = ping
        self._due: dict[Target, float] = {}
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock
        self._looking: Deferred[LoopingCall] | None = None
        self._isSending = False

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
        elif not self._isSending:
            self._isSending = True
            self.sweep(self._send())

    def _first(self, target: Target) -> float:
        return 0.0 if target.transport.reliable else DATAGRAM_PERIOD - LOOK

    def _period(self, target: Target) -> float:
        usual = STREAM_PERIOD if target.transport.reliable else DATAGRAM_PERIOD
        most = self.most(target)
        return usual if most is None else min(usual, max(most, LOOK))

    def _send(self) -> Steps[None]:
        due: dict[Target, float] = {}
        try:
            for target in self._flows():
                if not (self.enabled and self._loop.running):
                    return
                if target not in due:
                    due[target] = self._keep(target, self._clock.seconds())
                yield
            self._due = due
        except Exception:
            _log.failure("Keepalives failed once")
        finally:
            self._isSending = False

    def _keep(self, target: Target, now: float) -> float:
        """
        Ping one place if that is due.

        @return: when it is due next.
        """
        period = self._period(target)
        # A connection is pinged as soon as it is used, to learn whether the far end answers that.
        due = min(self._due.get(target, now + self._first(target)), now + period)
        if due >= now + LOOK:
            return due
        self._ping(target)
        return now + period


class Pongs:
    """
    Whether the far end of a connection answers pings.  There are those that never do, so one has to answer only when it
    has answered L{PROOFS}, and at once.

    @param again: sends another ping.
    @param gone: called when there was no answer in time, of one that has to answer.
    """

    def __init__(self, clock: IReactorTime, again: Callable[[], None], gone: Callable[[], None]) -> None:
        self._clock = clock
        self._again = again
        self._gone = gone
        self._proofs = 0
        self._askedAt = 0.0
        self._unanswered: IDelayedCall | None = None
        self._another: IDelayedCall | None = None

    def asked(self) -> None:
        """A ping is sent."""
        self._askedAt = self._clock.seconds()
        if self._proofs >= PROOFS and self._unanswered is None:
            self._unanswered = self._clock.callLater(PONG_TIMEOUT, self._overdue)

    def heard(self) -> None:
        """Something has come: whatever it is, the far end is alive."""
        if self._unanswered is not None:
            self._unanswered.cancel()
            self._unanswered = None

    def answered(self) -> None:
        """A pong; one that comes late may be a phone's own keepalive of half the length."""
        if self._proofs < PROOFS and self._clock.seconds() - self._askedAt <= PROMPT:
            self._proofs += 1
            if self._proofs < PROOFS:
                self._another = self._clock.callLater(ANOTHER, self._askAgain)

    def stop(self) -> None:
        """The connection is over: let go of it."""
        cancel(self._unanswered)
        cancel(self._another)
        self._unanswered = self._another = None
        self._again = self._gone = unheard

    def _askAgain(self) -> None:
        self._another = None
        self._again()

    def _overdue(self) -> None:
        self._unanswered = None
        self._gone()
