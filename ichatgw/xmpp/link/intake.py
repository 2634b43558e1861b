# -*- test-case-name: ichatgw.test.xmpp.link.test_intake -*-
"""
How what the server sends is taken in: a slice at a time, stanzas one by one, and those of users before the flood of
strangers has passed.

One read of a stream brings hundreds of stanzas, and reading and answering them takes longer than sound can wait.  The
server's stream has one order for all; after it has been read domains take turns, and users and strangers have a line
each.  What one sender has sent keeps its order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from attrs import define, field
from twisted.words.xish.domish import Element

from ichatgw.runtime.fairqueue import FairQueue
from ichatgw.runtime.turns import Line, Turns

SLICE = 4096
"""Octets that are parsed in one go."""

MAX_WAITING = 200
"""Stanzas of users that wait before no more is read from the server."""

MAX_WEIGHT = 32 * 1024 * 1024
"""Octets that the stanzas take that wait, of users and of strangers each."""

MAX_OF_DOMAIN = 50
"""Stanzas of strangers of one domain that wait; more are refused."""

MAX_DOMAINS = 64
"""Domains of strangers whose stanzas wait apart from each other."""


@define
class Arrival:
    """
    A stanza that has been read.

    @ivar user: is it from a user who may call?
    @ivar domain: of the sender.
    @ivar weight: octets that it takes.
    """

    stanza: Element
    user: bool
    domain: str
    weight: int


@define(eq=False)
class _Queue:
    """Stanzas that wait for their turn."""

    line: Line
    arrivals: FairQueue[Arrival]
    weight: int = field(default=0, init=False)

    def add(self, arrival: Arrival) -> bool:
        """Let it wait, if there is room."""
        if self.weight + arrival.weight > MAX_WEIGHT or self.arrivals.put(arrival.domain, arrival) is not None:
            return False
        self.weight += arrival.weight
        return True

    def take(self) -> Arrival | None:
        """Take the next arrival, in turn of the senders; C{None} if there is none."""
        arrival = self.arrivals.take()
        if arrival is not None:
            self.weight -= arrival.weight
        return arrival

    def clear(self) -> None:
        """Forget all."""
        self.line.clear()
        self.arrivals.clear()
        self.weight = 0


class Intake:
    """
    Takes in what a server sends.

    When it falls behind it has the server wait, so that what is kept is bounded; strangers' stanzas beyond their share
    are refused instead, or one of them would have all wait.

    @ivar waits: whether the server has to wait.
    """

    def __init__(
        self,
        turns: Turns,
        parse: Callable[[bytes], Iterable[Arrival]],
        deal: Callable[[Element], object],
        refuse: Callable[[Element], object],
        wait: Callable[[bool], object],
    ) -> None:
        """
        @param parse: reads some octets, and gives what stanzas end in them.
        @param deal: deals with a stanza.
        @param refuse: is given a stanza that there is no room for.
        @param wait: told whether the server is to wait.
        """
        self._parse = parse
        self._deal = deal
        self._refuse = refuse
        self._wait = wait
        self._unread: deque[bytes] = deque()
        self._reading = turns.line("XMPP is read")
        self._users = _Queue(turns.line("a user's stanza"), FairQueue(MAX_WAITING + SLICE, MAX_WAITING))
        self._strangers = _Queue(turns.line("a stranger's stanza"), FairQueue(MAX_OF_DOMAIN, MAX_DOMAINS))
        # However many strangers there are, users' calls go on.
        self._reading.counts = self._strangers.line.counts = False
        self._reading.share = self._strangers.line.share = turns.strangers
        self.waits = False

    @property
    def _isFull(self) -> bool:
        return len(self._users.arrivals) >= MAX_WAITING or self._users.weight >= MAX_WEIGHT // 2

    def received(self, data: bytes) -> None:
        """Octets have come.  As much is done at once as the turn has room for."""
        self._unread.extend(data[start : start + SLICE] for start in range(0, len(data), SLICE))
        while self._unread and self._reading.hasRoom and not self._isFull:
            arrivals: list[Arrival] = []
            self._reading.run(self._parseSlice, arrivals)
            for arrival in arrivals:
                self._arrived(arrival, Line.put)
        self._goOn()

    def clear(self) -> None:
        """The connection is gone: forget what waits."""
        self._unread.clear()
        self._reading.clear()
        self._users.clear()
        self._strangers.clear()

    def _readOn(self) -> None:
        """The job of reading what could not be read at once."""
        if self._unread and not self._isFull:
            arrivals: list[Arrival] = []
            self._parseSlice(arrivals)
            for arrival in arrivals:
                self._arrived(arrival, Line.later)
        self._goOn()

    def _parseSlice(self, arrivals: list[Arrival]) -> None:
        arrivals.extend(self._parse(self._unread.popleft()))

    def _arrived(self, arrival: Arrival, line: Callable[..., None]) -> None:
        queue = self._users if arrival.user else self._strangers
        if queue.add(arrival):
            line(queue.line, self._dealNext, queue)
        else:
            self._refuse(arrival.stanza)

    def _dealNext(self, queue: _Queue) -> None:
        arrival = queue.take()
        if arrival is not None:
            self._deal(arrival.stanza)
            self._goOn()

    def _goOn(self) -> None:
        """Go on reading as soon as there is room, and have the server wait until all is read."""
        if self._unread and not self._reading and not self._isFull:
            self._reading.later(self._readOn)
        waits = bool(self._unread) or self._isFull
        if waits != self.waits:
            self.waits = waits
            self._wait(waits)
