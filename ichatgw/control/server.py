# -*- test-case-name: ichatgw.test.control.test_server -*-
# mypy: allow-untyped-calls
"""
Serves the administrators' command at a UNIX socket.

Only the user as whom the gateway runs may connect, and root.  Even so nothing that comes there may hold anything up:
lines are short, an order is carried out as a job of a turn, long answers are made and sent in parts, and a connection
on which nothing is read or written for long is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw import __version__
from ichatgw.control.protocol import (
    MAX_OCTETS,
    Answer,
    Order,
    OrderError,
    Outcome,
    doneLine,
    errorLine,
    itemLine,
    readOrder,
)
from ichatgw.errors import GatewayError
from ichatgw.runtime.ratelimit import FAILURES, RateLimit
from ichatgw.runtime.turns import Sweep, Turns

MAX_SESSIONS = 32
"""Connections at a time; the next one is told so."""

IDLE_TIMEOUT = 30
"""Seconds in which the other end has to say or take something."""

PART_INTERVAL = 0.002
"""Seconds from one part of a long answer to the next."""

_log = Logger()


class Server(Factory):
    """
    @ivar turns: when orders have their turn.
    @ivar orders: carries one out.
    """

    noisy = False

    def __init__(self, turns: Turns, orders: Callable[[Order], Outcome]) -> None:
        self.turns = turns
        self.orders = orders
        self.line = turns.line("an order of an administrator")
        self.line.counts = False
        self.sessions: set[Session] = set()
        self.failures = RateLimit(turns, *FAILURES, mostSources=1)

    def buildProtocol(self, addr: object) -> Session:
        """A session for each connection."""
        return Session(self)


@implementer(IPushProducer)
class _Writing:
    """Whether the command takes what is written."""

    def __init__(self, session: Session) -> None:
        self.isHeld = False
        self._session = session

    def pauseProducing(self) -> None:
        """The command takes no octets now."""
        self.isHeld = True

    def resumeProducing(self) -> None:
        """The command takes octets again."""
        self.isHeld = False
        self._session.resetTimeout()

    def stopProducing(self) -> None:
        """Does nothing: the command has disconnected."""


class Session(LineReceiver, TimeoutMixin):
    """One connection; orders are carried out one after the other."""

    delimiter = b"\n"
    MAX_LENGTH = MAX_OCTETS

    def __init__(self, server: Server) -> None:
        self._server = server
        self._writing = _Writing(self)
        self._sweep: Sweep[Any] = server.turns.sweep(
            self._item, self._done, lambda: not self._writing.isHeld, PART_INTERVAL
        )
        self._answer = Answer()

    def callLater(self, delay: float, call: Callable[..., object]) -> IDelayedCall:
        """For L{TimeoutMixin}: the time is ours."""
        return self._server.turns.callLater(delay, call)

    def connectionMade(self) -> None:
        """A command has connected; it is refused if there are L{MAX_SESSIONS}."""
        sessions = self._server.sessions
        if len(sessions) >= MAX_SESSIONS:
            self._part(f"{len(sessions)} commands are connected already: end some of them")
            return
        sessions.add(self)
        transport = cast(Any, self.transport)
        transport.registerProducer(self._writing, True)
        self.setTimeout(IDLE_TIMEOUT)

    def connectionLost(self, reason: object = None) -> None:
        """The connection is closed: stop what is being sent."""
        self._server.sessions.discard(self)
        self._sweep.stop()
        self.setTimeout(None)

    def timeoutConnection(self) -> None:
        """The command has sent nothing, or taken nothing, for too long."""
        cast(Any, self.transport).abortConnection()

    def lineLengthExceeded(self, line: bytes) -> None:
        """The line is too long for an order: answer with an error and close."""
        self.clearLineBuffer()
        self._part(f"an order has at most {MAX_OCTETS} octets")

    def lineReceived(self, line: bytes) -> None:
        """An order; the next one has to wait until it is carried out."""
        self.pauseProducing()
        self.setTimeout(None)
        self._server.line.put(self._begin, line)

    def _begin(self, line: bytes) -> None:
        carried: Deferred[Any] = maybeDeferred(cast(Any, lambda: self._server.orders(readOrder(line))))
        carried.addCallbacks(self._carried, self._failed)

    @property
    def _isOver(self) -> bool:
        """Has the command disconnected?"""
        return self not in self._server.sessions

    def _carried(self, answer: Answer) -> None:
        if self._isOver:
            return
        self.setTimeout(IDLE_TIMEOUT)
        self._answer = answer
        self._sweep.start(answer.items)

    def _failed(self, failure: Failure) -> None:
        if failure.check(GatewayError):
            text = failure.getErrorMessage()
        else:
            text = "something went wrong here: see the log of the gateway"
            if self._server.failures.allow(None):
                _log.failure("An order of an administrator failed", failure)
        self.sendLine(errorLine(text))
        self._next()

    def _item(self, item: Any) -> None:
        self.sendLine(itemLine(item))

    def _done(self) -> None:
        self.sendLine(doneLine(self._answer.data))
        self._next()

    def _next(self) -> None:
        if self._isOver:
            return
        self.setTimeout(IDLE_TIMEOUT)
        self.resumeProducing()

    def _part(self, why: str) -> None:
        self.sendLine(errorLine(why))
        cast(Any, self.transport).loseConnection()


class Orders:
    """Carries out orders, each by its name."""

    def __init__(self) -> None:
        self._known: dict[str, Callable[[Any], Outcome]] = {}

    def add(self, name: str, does: Callable[[Any], Outcome]) -> None:
        """
        @param does: takes the words of the order, which are texts.
        """
        self._known[name] = does

    def __call__(self, order: Order) -> Outcome:
        """
        @raise OrderError: if it is not known, or cannot be carried out.
        """
        does = self._known.get(order.name)
        if does is None:
            known = ", ".join(sorted(self._known))
            raise OrderError(f"this gateway, {__version__}, knows no order {order.name[:40]!r} but {known}")
        return does(order.words)
