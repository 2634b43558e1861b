# -*- test-case-name: ichatgw.test.sip.test_strangers,ichatgw.test.sip.test_endpoint -*-
"""
Budgets for what hosts that may not call can send over SIP.

Whatever such a host sends over SIP costs something: a message 1, and as much again for each L{OCTETS} octets.  It is
paid from the budget of its source (see L{ichatgw.net.networks.sourceOf}) and from one budget for all strangers.  What
cannot be paid is dropped before it is parsed.  The method, the identifiers in the message and the transport make no
difference: the sender chooses them.

Two things are free: a request of a dialog that lives, from where the far end of that dialog is; and a response to a
request of ours, from where we sent that.  Both are known by a random token of ours that the message has to hold.
There are so many for each token (L{WITHIN}); those beyond are paid for like all others.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable
from secrets import randbits
from typing import Protocol

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ichatgw.net.networks import sourceOf
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.sip.transport.peek import topBranch, toTag

OCTETS = 1024
"""Octets that cost as much as a message does."""

CELLS = 16384
"""How many budgets there are for sources, which share them by chance."""

MAX_PROVED = 1024
"""How many sources have a budget of their own since a user has logged in there."""

_log = Logger()


@frozen
class Rate:
    """
    @ivar perSecond: what is added to a budget in a second.
    @ivar most: what a budget holds at most.
    """

    perSecond: float
    most: float


SOURCE = Rate(10, 30)
"""For one source: enough for some phones behind one address to log in, which takes each some four messages."""

ALL = Rate(100, 60)
"""For all strangers together: at some 0.3 ms a message it is 3 % of a processor, and 20 ms at once."""

PROVED = Rate(50, 300)
"""For a source where a user has logged in.  It is not part of L{ALL}, so that other strangers cannot use it up."""

WITHIN = Rate(30, 300)
"""
How many messages are free for one token: far more than a phone sends in a call, and few enough that a party that
has been called cannot overload the gateway.
"""


class Ours(Protocol):
    """Knows the tokens of ours that are in use, and the hosts that have them."""

    def knows(self, host: str) -> bool:
        """Is any in use at C{host} (an IP literal)?"""

    def hasDialog(self, tag: str, host: str) -> bool:
        """Is C{tag} ours in a dialog that lives, whose far end is at C{host}?"""

    def hasAsked(self, branch: str, host: str) -> bool:
        """Is C{branch} that of a request of ours to C{host} which waits for its answer?"""


@define(eq=False)
class _Bucket:
    tokens: float
    touched: float

    def refill(self, rate: Rate, now: float) -> float:
        """The tokens that the bucket holds by now."""
        self.tokens = min(rate.most, self.tokens + (now - self.touched) * rate.perSecond)
        self.touched = now
        return self.tokens


class _Cells:
    """
    The budgets of all sources, or tokens, in a table of fixed size.  Which of them share one is decided by a hash that
    strangers do not know: so none can be found that uses up the budget of a certain other one; and however many there
    are, none has to be forgotten for a new one.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._salt = randbits(64)
        self._tokens = array("d", [rate.most]) * CELLS
        self._touched = array("d", [0.0]) * CELLS

    def refill(self, source: str, now: float) -> int:
        """The cell of a source, brought up to date."""
        cell = hash((self._salt, source)) % CELLS
        grown = self._tokens[cell] + (now - self._touched[cell]) * self._rate.perSecond
        self._tokens[cell] = min(self._rate.most, grown)
        self._touched[cell] = now
        return cell

    def holds(self, cell: int, cost: float) -> bool:
        """Does the cell hold so many tokens?"""
        return self._tokens[cell] >= cost

    def take(self, cell: int, cost: float) -> None:
        """Take tokens from the cell."""
        self._tokens[cell] -= cost


@define(eq=False)
class Strangers:
    """
    @ivar admits: tells of hosts (IP literals) that may call: they are no strangers.
    @ivar dropped: how many messages did not pass; over a connection one may come again.
    """

    _clock: IReactorTime
    _ours: Ours
    admits: Callable[[str], bool]
    dropped: int = field(default=0, init=False)
    _sources: _Cells = field(factory=lambda: _Cells(SOURCE), init=False)
    _all: _Bucket = field(init=False)
    _tokens: _Cells = field(factory=lambda: _Cells(WITHIN), init=False)
    _proved: OrderedDict[str, _Bucket] = field(factory=OrderedDict, init=False)
    _lines: RateLimit = field(init=False)
    _told: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._all = _Bucket(ALL.most, self._clock.seconds())
        self._lines = RateLimit(self._clock, 0.1, 1, mostSources=1)

    def lets(self, message: bytes, host: str) -> bool:
        """
        May a message pass?

        @param message: as it came; it is not parsed, whatever it is.
        @param host: where it came from, an IP literal.
        """
        if self.admits(host) or self._isFree(message, host) or self.spend(host, len(message)):
            return True
        self.dropped += 1
        if self._lines.allow(None):
            _log.warn(
                "Strangers send too much: {count} messages are dropped, or have to wait; the last is of {host}",
                count=self.dropped - self._told,
                host=host,
            )
            self._told = self.dropped
        return False

    def spend(self, host: str, octets: int) -> bool:
        """
        Pay for what a stranger sends.

        @return: whether it could be paid; if not, nothing was.
        """
        cost, now = 1 + octets / OCTETS, self._clock.seconds()
        if not self._proved and self._all.refill(ALL, now) < cost:
            return False  # at whatever source it is
        source = sourceOf(host)
        proved = self._proved.get(source)
        if proved is not None:
            if proved.refill(PROVED, now) < cost:
                return False
            proved.tokens -= cost
            return True
        cell = self._sources.refill(source, now)
        if not self._sources.holds(cell, cost) or self._all.refill(ALL, now) < cost:
            return False
        self._sources.take(cell, cost)
        self._all.tokens -= cost
        return True

    def prove(self, host: str) -> None:
        """A user has logged in from C{host}."""
        source = sourceOf(host)
        if source not in self._proved:
            self._proved[source] = _Bucket(PROVED.most, self._clock.seconds())
        self._proved.move_to_end(source)
        if len(self._proved) > MAX_PROVED:
            self._proved.popitem(last=False)

    def isProved(self, host: str) -> bool:
        """Has a user logged in from C{host}?"""
        return sourceOf(host) in self._proved

    def _isFree(self, message: bytes, host: str) -> bool:
        if not self._ours.knows(host):
            return False
        isResponse = message[:4].upper() == b"SIP/"
        token = topBranch(message) if isResponse else toTag(message)
        if token is None:
            return False
        isOurs = self._ours.hasAsked(token, host) if isResponse else self._ours.hasDialog(token, host)
        if not isOurs:
            return False
        cell = self._tokens.refill(token, self._clock.seconds())
        if not self._tokens.holds(cell, 1):
            return False
        self._tokens.take(cell, 1)
        return True
