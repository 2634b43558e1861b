# -*- test-case-name: ichatgw.test.media.relay.test_symmetric,ichatgw.test.media.relay.test_strangers -*-
"""
From which source addresses media is taken as a party's (symmetric RTP, RFC 4961; what can go wrong with it: RFC 7362).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum
from typing import TypeVar

from attrs import define, field, frozen

from ichatgw.media.relay.latch import isAt, sendable
from ichatgw.media.sockets.port import Source
from ichatgw.model import TransportAddress, Whereabouts
from ichatgw.net.literals import ip_address

RUN = 5
"""So many packets of one stream, with numbers that run on, show that a source that nothing speaks for is in earnest."""

RUN_SECONDS = 0.05
"""And they take so long: five packets of a burst are no speech."""

EARLY_SECONDS = 1.0
"""Who sends so long before the party has answered cannot be the party: it was not told where to send to."""

MAX_HOSTS = 8
"""As many hosts that nothing speaks for are watched at a time; of more, those that were heard last."""

MAX_PLACES = 4
"""As many places are remembered from which a party was heard."""

_V = TypeVar("_V")


class Elsewhere(Enum):
    """May media come from a host that neither the party nor its signalling has shown?"""

    NEVER = "never"
    NAT = "nat"
    ALWAYS = "always"


class Rank(IntEnum):
    """What speaks for a source; a higher one takes the place of a lower one at once."""

    NOTHING = 0
    SIGNALLING = 1
    """Its host is one that the party's signalling has come from."""
    HOST = 2
    """Its host is that of the signalled address."""
    SIGNALLED = 3
    """It is the signalled address."""
    PROVED = 4
    """It has proved that it is the party, and that it hears there."""


@frozen
class Quiet:
    """
    The stream of a party that has fallen silent.

    @ivar ssrc: C{None} if none of its packets was of use.
    """

    ssrc: int | None


@define
class _Run:
    """Packets of one stream from one source."""

    source: Source
    ssrc: int
    next: int
    began: float
    count: int = 1


@define(eq=False)
class MediaLatch:
    """
    Learns from RTP where a party is.  The best source wins, see L{Rank}; once one was taken it is kept, however long it
    is silent, until the signalling names another address or a better source is heard.

    @ivar source: where the party is, as far as its media has shown; C{None} if it has not.
    @ivar rank: what speaks for that.
    @ivar isAway: the party has no place for media now, as one that holds by an address of zeros.
    """

    _seconds: Callable[[], float]
    _elsewhere: Elsewhere = Elsewhere.NAT
    source: Source | None = field(default=None, init=False)
    rank: Rank = field(default=Rank.NOTHING, init=False)
    isAway: bool = field(default=False, init=False)
    _signalled: TransportAddress | None = field(default=None, init=False)
    _hosts: frozenset[str] = field(default=frozenset(), init=False)
    _isSure: bool = field(default=False, init=False)
    _places: list[Source] = field(factory=list, init=False)
    _runs: dict[str, _Run] = field(factory=dict, init=False)
    _early: dict[str, float] = field(factory=dict, init=False)
    _strangers: frozenset[str] = field(default=frozenset(), init=False)

    @property
    def signalled(self) -> TransportAddress | None:
        """Where the party has said that it is."""
        return self._signalled

    def heardEarly(self, source: Source) -> None:
        """A packet came before the party has said anything."""
        _put(self._early, _hostOf(source), self._early.get(_hostOf(source), self._seconds()))

    def signal(self, address: TransportAddress | None, whereabouts: Whereabouts | None) -> bool:
        """
        The party has said where it is.

        @param address: C{None} if it has not, and what it said before holds.
        @return: has it moved?  Then nothing is known any more of what its media has shown.
        """
        if whereabouts is not None:
            self._hosts = frozenset(whereabouts.hosts)
            self._isSure = whereabouts.isSure
        latest = self._seconds() - EARLY_SECONDS
        self._strangers |= {host for host, since in self._early.items() if since <= latest}
        self._early.clear()
        self.isAway = address is not None and sendable(address) is None
        if address is None or address == self._signalled or (self.isAway and self._signalled is not None):
            if self.source is not None:
                self.rank = self.rankOf(self.source)
            return False
        self._signalled = address
        self.forget()
        return True

    def forget(self) -> None:
        """What its media has shown does not hold any more."""
        self.source, self.rank = None, Rank.NOTHING
        self._places.clear()
        self._runs.clear()

    def admits(self, source: Source, sequence: int, ssrc: int, quiet: Quiet | None) -> bool:
        """
        A valid packet of a format that was agreed on came from C{source}, which is another one than that which is
        known: is it the party?

        @param quiet: what the party has sent before it fell silent; C{None} if it has not.
        """
        rank = self.rankOf(source)
        if rank > self.rank or rank is Rank.SIGNALLED or self._wasBefore(source):
            return True
        return self._mayCome(source, ssrc, quiet) and self._runsOn(source, sequence, ssrc)

    def take(self, source: Source, isProved: bool = False) -> None:
        """
        The party is at C{source}.

        @param isProved: it hears there, whatever the signalling says.
        """
        rank = Rank.PROVED if isProved else self.rankOf(source)
        if rank > self.rank:
            self._places.clear()
        self.source, self.rank = source, rank
        if source not in self._places and len(self._places) < MAX_PLACES:
            self._places.append(source)
        self._runs.clear()

    @property
    def alsoAt(self) -> Source | None:
        """
        Where the party may hear as well: it sends from another port than it has named, of the same host.  Either it has
        two ports, or a NAT has changed the one; the latter is not to be expected within a private network.
        """
        named = sendable(self._signalled)
        return None if named is None or self.rank is not Rank.HOST or self.destination == named else named

    @property
    def destination(self) -> Source | None:
        """Where the party is sent to; C{None} if nowhere."""
        if self.isAway:
            return None
        named = sendable(self._signalled)
        if self.rank is Rank.HOST and named is not None and not _isGlobal(named[0]):
            return named
        return self.source or named

    def rankOf(self, source: Source) -> Rank:
        """What the signalling says of C{source}."""
        host = _hostOf(source)
        named = sendable(self._signalled)
        if isAt(source, self._signalled):
            return Rank.SIGNALLED
        if named is not None and host == named[0]:
            return Rank.HOST
        return Rank.SIGNALLING if host in self._hosts else Rank.NOTHING

    def _wasBefore(self, source: Source) -> bool:
        """Was the party heard from there before it was heard from where it is now?"""
        places = self._places
        if source not in places:
            return False
        return self.source not in places or places.index(source) < places.index(self.source)

    def _mayCome(self, source: Source, ssrc: int, quiet: Quiet | None) -> bool:
        """
        Is it worth watching?  A party that is known comes from another place only after it fell silent: if its NAT has
        given it another port, or if it goes on elsewhere with the stream (SSRC) that only it knows.
        """
        if self.source is None:
            return _hostOf(source) not in self._strangers and self._mayBeElsewhere()
        if quiet is None:
            return False
        isSame = _hostOf(source) == _hostOf(self.source)
        return isSame or (self._elsewhere is Elsewhere.ALWAYS and ssrc == quiet.ssrc)

    def _mayBeElsewhere(self) -> bool:
        """
        Can the party be at a host that nothing speaks for?  Only behind a NAT, if a server is between it and us: so we
        see neither it nor its NAT, and it names an address that others cannot reach.
        """
        if self._elsewhere is not Elsewhere.NAT:
            return self._elsewhere is Elsewhere.ALWAYS
        named = sendable(self._signalled)
        if self._isSure:
            return False
        return named is None or not (_isGlobal(named[0]) or ip_address(named[0]).is_loopback or named[0] in self._hosts)

    def _runsOn(self, source: Source, sequence: int, ssrc: int) -> bool:
        host, now = _hostOf(source), self._seconds()
        run = self._runs.get(host)
        if run is None or (run.source, run.ssrc, run.next) != (source, ssrc, sequence):
            run = _Run(source, ssrc, sequence, now, 0)
        run.count += 1
        run.next = (sequence + 1) & 0xFFFF
        _put(self._runs, host, run)
        return run.count >= RUN and now - run.began >= RUN_SECONDS


def _put(table: dict[str, _V], key: str, value: _V) -> None:
    """At the end; what was put there longest ago goes if there are too many."""
    table.pop(key, None)
    table[key] = value
    if len(table) > MAX_HOSTS:
        del table[next(iter(table))]


def _hostOf(source: Source) -> str:
    return str(source[0]).partition("%")[0]


def _isGlobal(host: str) -> bool:
    return ip_address(host).is_global
