# -*- test-case-name: ichatgw.test.media.sockets.test_readers -*-
"""
Waits for media ports.

Where the system has epoll, ports wait in an epoll of their own.  With few packets the reactor watches it as one reader,
and wakes up for each packet.  With many that would cost more than the packets do; then it is read once in
L{PACE} seconds, for all packets that have come meanwhile.
"""

from __future__ import annotations

import select
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Protocol

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw.runtime.ratelimit import RateLimit

BATCH = 256
"""How many ports are asked for at once."""

ROUNDS = 8
"""
How many datagrams of one port are read in one go.  A port that has more gives them next time; so a flood at one port
does not keep the reactor, and a backlog shrinks eight times as fast as it may grow.
"""

PACE = 0.001
"""Seconds from one reading to the next when there are many packets: the longest that one of them waits for it."""

PERIOD = 0.1
"""Seconds over which packets are counted."""

MANY = 200
"""Packets in a L{PERIOD} from which on they are read at a pace: 20 calls both ways."""

FEW = 100
"""Packets in a L{PERIOD} below which the reactor wakes up for each of them again."""


MAX_FAILURES = 60
"""Failures of one port in a minute; then it rests."""

REST = 1.0
"""Seconds for which it is not read then."""


class Readers(Protocol):
    """What ports register with: the part of L{IReactorFDSet} that they need, and a way to read them between turns."""

    def addReader(self, reader: Any) -> Any: ...

    def removeReader(self, reader: Any) -> Any: ...

    def drain(self) -> Any: ...

    @property
    def missing(self) -> str: ...

    def revive(self) -> None: ...


class Waiting(Enum):
    """How L{EpollReaders} waits for packets."""

    NOT = auto()
    """There are no ports."""
    WATCHED = auto()
    """The reactor wakes up for them."""
    PACED = auto()
    """A timer reads them."""


@implementer(IReadDescriptor)
class EpollReaders:
    """
    Many readers that look like one to the reactor, whichever reactor it is.

    It spares what a reactor spends on each event, and lets a select reactor have more than 1024 of them.  The epoll
    object exists only while there are readers.
    """

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        """
        @param reactor: provides L{twisted.internet.interfaces.IReactorFDSet} and C{IReactorTime}.
        """
        self._reactor = reactor
        self._readers: dict[int, Any] = {}
        self._epoll: select.epoll | None = None
        self._waiting = Waiting.NOT
        self._timer: IDelayedCall | None = None
        self._count = 0
        self._countedAt = 0.0
        self._lines = RateLimit(reactor, 0.1, 5)
        self._failures = RateLimit(reactor, MAX_FAILURES / 60, MAX_FAILURES)
        self._resting: dict[Any, IDelayedCall] = {}

    def addReader(self, reader: Any) -> None:
        """
        @raise OSError: if the system has no room for it.
        """
        if self._epoll is None:
            self._epoll = select.epoll()
            self._watch()
        descriptor = reader.fileno()
        with suppress(FileExistsError):  # what had this descriptor was taken from us without a word
            self._epoll.register(descriptor, select.EPOLLIN)
        self._readers[descriptor] = reader

    def removeReader(self, reader: Any) -> None:
        """Before the reader closes its descriptor."""
        rest = self._resting.pop(reader, None)
        if rest is not None:
            rest.cancel()
        descriptor = reader.fileno()
        if self._readers.get(descriptor) is not reader or self._epoll is None:
            return
        del self._readers[descriptor]
        with suppress(OSError):  # it was closed behind our back, or the epoll was
            self._epoll.unregister(descriptor)
        if not self._readers:
            self._unwatch()
            self._waiting = Waiting.NOT
            self._epoll.close()
            self._epoll = None

    def drain(self) -> None:
        """Read what is there, at most L{ROUNDS} datagrams of each port."""
        epoll = self._epoll
        readers = self._readers
        for _ in range(ROUNDS):
            if epoll is None:
                return
            try:
                events = epoll.poll(0, BATCH)
            except OSError as problem:
                self._openAgain(problem)
                return
            except MemoryError:
                return  # the packets wait until there is some
            if not events:
                return
            self._count += len(events)
            for descriptor, state in events:
                reader = readers.get(descriptor)
                if reader is None:
                    # Closed by one that came before it in this batch.
                    continue
                try:
                    why = reader.doRead()
                except Exception:
                    self._failed(reader)
                    continue
                if why is not None or state & select.EPOLLHUP:
                    self.removeReader(reader)
                    reader.connectionLost(why or Failure(ConnectionLost()))
            epoll = self._epoll

    def _failed(self, reader: Any) -> None:
        """
        What a packet led to has failed.  The port lives on, for others may speak at it; after L{MAX_FAILURES} in a
        minute it is read only now and then, so that it does not keep the reactor busy.
        """
        failure = Failure()
        if self._lines.allow(None):
            self._log.failure("A packet of media could not be handled", failure)
        if not self._failures.allow(reader):
            self.removeReader(reader)
            self._resting[reader] = self._reactor.callLater(REST, self._rested, reader)

    def _rested(self, reader: Any) -> None:
        del self._resting[reader]
        try:
            self.addReader(reader)
        except (OSError, MemoryError):  # there is no room for it now
            self._resting[reader] = self._reactor.callLater(REST, self._rested, reader)

    def _openAgain(self, problem: OSError | Failure) -> None:
        """The epoll has gone; another one takes its place."""
        self._log.error("Media ports could not be waited for, and are waited for anew: {problem}", problem=problem)
        self._unwatch()
        self._waiting, self._epoll = Waiting.NOT, None
        with suppress(OSError, MemoryError):  # it is tried again, see "missing"
            self.revive()

    @property
    def missing(self) -> str:
        """See L{ichatgw.runtime.watch.Vital}."""
        isTimed = self._timer is not None and self._timer.active()
        fine = not self._readers or self._waiting is Waiting.WATCHED or (self._waiting is Waiting.PACED and isTimed)
        return "" if fine else "media ports are not waited for any more"

    def revive(self) -> None:
        """See L{ichatgw.runtime.watch.Vital}."""
        if self._epoll is None:
            epoll = select.epoll()
            for descriptor in self._readers:
                with suppress(OSError):  # it has been closed from outside, as the epoll was
                    epoll.register(descriptor, select.EPOLLIN)
            self._epoll = epoll
        self._unwatch()
        self._watch()

    # How packets are waited for.

    def doRead(self) -> None:
        """The reactor has woken up for a packet."""
        self.drain()
        now = self._reactor.seconds()
        if now - self._countedAt < PERIOD:
            return
        # A count that is older than two periods says nothing of now.
        isMany = self._count >= MANY and now - self._countedAt < 2 * PERIOD
        self._count, self._countedAt = 0, now
        if isMany and self._waiting is Waiting.WATCHED:
            self._pace()

    def _tick(self) -> None:
        self._timer = None
        self.drain()
        if self._waiting is not Waiting.PACED:
            return  # there are no ports any more
        now = self._reactor.seconds()
        if now - self._countedAt >= PERIOD:
            isFew = self._count < FEW
            self._count, self._countedAt = 0, now
            if isFew:
                self._watch()
                return
        self._timer = self._reactor.callLater(PACE, self._tick)

    def _pace(self) -> None:
        self._unwatch()
        self._waiting = Waiting.PACED
        self._timer = self._reactor.callLater(PACE, self._tick)

    def _watch(self) -> None:
        self._waiting = Waiting.WATCHED
        self._reactor.addReader(self)

    def _unwatch(self) -> None:
        """Neither reactor nor timer waits any more."""
        if self._waiting is Waiting.WATCHED:
            with suppress(OSError):  # it may have been closed from outside
                self._reactor.removeReader(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def fileno(self) -> int:
        return -1 if self._epoll is None else self._epoll.fileno()

    def logPrefix(self) -> str:
        return "media"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor is going down, or has dropped us since something failed."""
        if not reason.check(ConnectionLost):
            self._openAgain(reason)
            return
        for reader in [*self._readers.values(), *self._resting]:
            self.removeReader(reader)
            reader.connectionLost(reason)


class ReactorReaders:
    """Where there is no epoll the reactor itself waits for each port, and reads when it comes to that."""

    def __init__(self, reactor: IReactorFDSet) -> None:
        self.addReader = reactor.addReader
        self.removeReader = reactor.removeReader

    def drain(self) -> None:
        """Nothing can be read out of turn."""

    @property
    def missing(self) -> str:
        """There is nothing between a port and the reactor."""
        return ""

    def revive(self) -> None:
        """Nothing is ever missing."""


def readersFor(reactor: Any) -> Readers:
    """What media ports register with."""
    return EpollReaders(reactor) if hasattr(select, "epoll") else ReactorReaders(reactor)
