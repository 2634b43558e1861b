# -*- test-case-name: ichatgw.test.sip.auth.test_loginlimits -*-
"""
How long those who log in wrongly have to wait before their next password is looked at.

Wrong logins count against their source, and against the name that they were tried for, from wherever they came.  Only
names that exist are counted by name, so that made-up names fill no table.
"""

from __future__ import annotations

from collections import OrderedDict
from secrets import randbits

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from ichatgw.net.networks import neighbourhoodOf, sourceOf

SOURCE_FREE = 3
"""Wrong logins of one source without a wait; the next one costs a second, and each further one twice as much."""

NAME_FREE = 10
"""The same for one name, from all sources."""

MAX_WAIT = 300.0
"""Seconds of the longest wait."""

FORGIVEN = 3600.0
"""Seconds without a wrong login, beyond the wait, after which those before are forgotten."""

MAX_SOURCES = 4096
"""How many sources are counted one by one; of those beyond, all of a network are counted as one."""

OTHERS = 1024
"""In how many counts those beyond are: networks share them by chance, which strangers cannot foresee."""

MAX_GOOD = 16
"""Of how many sources we remember that a name logged in rightly there."""


@define(eq=False)
class _Failures:
    """
    Wrong logins of one kind.

    @ivar count: how many there were, one after the other.
    @ivar until: when the next password is looked at.
    """

    free: int
    count: int = 0
    until: float = 0.0

    def add(self, now: float) -> None:
        """Count one more wrong login."""
        if now > self.until + FORGIVEN:
            self.count = 0
        self.count += 1
        beyond = self.count - self.free
        self.until = now + (min(2.0 ** min(beyond - 1, 30), MAX_WAIT) if beyond > 0 else 0.0)


@define(eq=False)
class Guesses:
    """
    Counts wrong logins.

    A name that has logged in rightly from a source is not slowed down there by what others do wrong, be it in its name
    from elsewhere or in other names from there: only by its own wrong logins from there.  So a stranger cannot keep a
    phone out that has been in.
    """

    _clock: IReactorTime
    _sources: OrderedDict[str, _Failures] = field(factory=OrderedDict, init=False)
    _others: dict[int, _Failures] = field(factory=dict, init=False)
    _salt: int = field(factory=lambda: randbits(64), init=False)
    _names: dict[str, _Failures] = field(factory=dict, init=False)
    _good: dict[str, OrderedDict[str, _Failures]] = field(factory=dict, init=False)

    def wait(self, name: str | None, host: str) -> float:
        """
        How long until a password is looked at.

        @param name: a user that exists, or C{None} for one that does not.
        @param host: where the login came from, an IP literal.
        @return: seconds; 0 for now.
        """
        until = max((each.until for each in self._concerned(name, host)), default=0.0)
        return max(0.0, until - self._clock.seconds())

    def failed(self, name: str | None, host: str) -> float:
        """
        A password was wrong.

        @param name: as for L{wait}.
        @return: as L{wait} from now on.
        """
        source = sourceOf(host)
        now = self._clock.seconds()
        self._at(host, now).add(now)
        own = self._own(name, source)
        if own is not None:
            own.add(now)
        if name is not None:
            self._names.setdefault(name, _Failures(NAME_FREE)).add(now)
        return self.wait(name, host)

    def succeeded(self, name: str, host: str) -> None:
        """A password was right."""
        good = self._good.setdefault(name, OrderedDict())
        source = sourceOf(host)
        good[source] = _Failures(SOURCE_FREE)
        good.move_to_end(source)
        if len(good) > MAX_GOOD:
            good.popitem(last=False)

    def forget(self, name: str) -> None:
        """The password of C{name} is another one now, or there is no such name any more."""
        self._names.pop(name, None)
        self._good.pop(name, None)

    def _concerned(self, name: str | None, host: str) -> list[_Failures]:
        """Whose wait holds for a login."""
        source = sourceOf(host)
        own = self._own(name, source)
        if own is not None:
            return [own]
        counted = self._sources.get(source) or (self._other(host) if self._isFull() else None)
        named = self._names.get(name) if name is not None else None
        return [each for each in (counted, named) if each is not None]

    def _own(self, name: str | None, source: str) -> _Failures | None:
        """Those of a name at a source where it has logged in."""
        good = self._good.get(name) if name is not None else None
        return good.get(source) if good is not None else None

    def _isFull(self) -> bool:
        return len(self._sources) >= MAX_SOURCES

    def _other(self, host: str) -> _Failures:
        """Those of the networks that share a count with that of C{host}."""
        place = hash((self._salt, neighbourhoodOf(host))) % OTHERS
        return self._others.setdefault(place, _Failures(SOURCE_FREE))

    def _at(self, host: str, now: float) -> _Failures:
        """Those of a source, the one that was quiet for longest going if there is no room and it is forgiven."""
        source = sourceOf(host)
        if source not in self._sources:
            if self._isFull():
                oldest = next(iter(self._sources))
                if now <= self._sources[oldest].until + FORGIVEN:
                    return self._other(host)
                del self._sources[oldest]
            self._sources[source] = _Failures(SOURCE_FREE)
        self._sources.move_to_end(source)
        return self._sources[source]
