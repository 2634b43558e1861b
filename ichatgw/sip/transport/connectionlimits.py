# -*- test-case-name: ichatgw.test.sip.transport.test_connectionlimits -*-
"""
Limits on inbound connections: which are accepted, and which are closed to make room.

Hosts that may not call, strangers, have a quarter of all places, so that those that may call always find one.  Where
strangers compete, the network that holds the most places loses one: of those that have said nothing the first that
came, else the one that was idle for longest.  Nothing here takes longer the more connections there are.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Generic, TypeVar

from attrs import define, field

from ichatgw.net.networks import neighbourhoodOf, sourceOf

MAX_CONNECTIONS = 4000
MAX_OF_STRANGERS = MAX_CONNECTIONS // 4
"""Over TLS a connection takes some 45 kB, whether or not anything comes: all of them 45 MB."""

MAX_FROM_HOST = 200
MAX_FROM_NETWORK = 400
"""Of strangers; a network whose phones may call can have more."""

SETTLED = 30.0
"""Seconds after which a stranger's connection that is not used makes room for another one from the same network."""

C = TypeVar("C")


@define(eq=False)
class _Place:
    """
    @ivar source: see L{sourceOf}.
    @ivar network: see L{neighbourhoodOf}; empty for one that may call.
    @ivar spoken: a whole message has come.
    @ivar used: when that was, or when it connected.
    """

    source: str
    network: str
    spoken: bool
    used: float


@define(eq=False)
class _Network(Generic[C]):
    """
    The places of one network of strangers, those that were used last at the end.

    @ivar silent: where no message has come yet.
    """

    silent: OrderedDict[C, _Place] = field(factory=OrderedDict)
    spoken: OrderedDict[C, _Place] = field(factory=OrderedDict)

    def __len__(self) -> int:
        return len(self.silent) + len(self.spoken)

    def least(self) -> tuple[C, _Place]:
        """Whose loss would be the smallest."""
        return next(iter((self.silent or self.spoken).items()))


@define(eq=False)
class Places(Generic[C]):
    """
    Counts the connections that others have made to us.

    @ivar most: how many there may be.
    @ivar mostOfStrangers: how many of them strangers may have.
    """

    most: int = field(default=MAX_CONNECTIONS)
    mostOfStrangers: int = field(default=MAX_OF_STRANGERS)
    strangers: int = field(default=0, init=False)
    _places: dict[C, _Place] = field(factory=dict, init=False)
    _sources: Counter[str] = field(factory=Counter, init=False)
    _networks: dict[str, _Network[C]] = field(factory=dict, init=False)
    _bySize: dict[int, OrderedDict[str, None]] = field(factory=dict, init=False)
    _largest: int = field(default=0, init=False)

    def __len__(self) -> int:
        return len(self._places)

    def ask(self, host: str, mayCall: bool, now: float) -> C | bool:
        """
        May C{host} have a place?

        @param host: an IP literal.
        @return: C{True} if there is one, C{False} if not, or the connection that has to go first.
        """
        if self._sources[sourceOf(host)] >= MAX_FROM_HOST:
            return False
        if mayCall:
            return True if len(self) < self.most else self._worst("", now)
        network = neighbourhoodOf(host)
        if self._sizeOf(network) >= MAX_FROM_NETWORK:
            return False
        if len(self) < self.most and self.strangers < self.mostOfStrangers:
            return True
        return self._worst(network, now)

    def take(self, connection: C, host: str, mayCall: bool, now: float) -> None:
        """C{host} has one place more."""
        place = _Place(sourceOf(host), "" if mayCall else neighbourhoodOf(host), False, now)
        self._places[connection] = place
        self._sources[place.source] += 1
        if place.network:
            self._enter(connection, place)

    def used(self, connection: C, mayCall: bool, now: float) -> None:
        """
        A whole message has come.

        @param mayCall: whether its host may call by now: a user may have logged in.
        """
        place = self._places.get(connection)
        if place is None or not place.network:
            return
        if mayCall:
            self._leave(connection, place)
            place.network = ""
            return
        network = self._networks[place.network]
        network.silent.pop(connection, None)
        network.spoken[connection] = place
        network.spoken.move_to_end(connection)
        place.spoken, place.used = True, now

    def leave(self, connection: C) -> None:
        """A place is free again; nothing happens if it is already."""
        place = self._places.pop(connection, None)
        if place is None:
            return
        self._sources[place.source] -= 1
        if not self._sources[place.source]:
            del self._sources[place.source]
        if place.network:
            self._leave(connection, place)

    def _worst(self, network: str, now: float) -> C | bool:
        """
        The connection that has to go for one more from C{network}, empty for a host that may call; C{False} if none has
        to.
        """
        if not self._largest:
            return False
        largest = next(iter(self._bySize[self._largest]))
        own = self._sizeOf(network)
        if network and own >= self._largest:
            connection, place = self._networks[network].least()
            return connection if now - place.used >= SETTLED else False
        return self._networks[largest].least()[0]

    def _enter(self, connection: C, place: _Place) -> None:
        network = self._networks.setdefault(place.network, _Network())
        self._resize(place.network, len(network), len(network) + 1)
        network.silent[connection] = place
        self.strangers += 1

    def _leave(self, connection: C, place: _Place) -> None:
        network = self._networks[place.network]
        self._resize(place.network, len(network), len(network) - 1)
        (network.spoken if place.spoken else network.silent).pop(connection)
        if not network:
            del self._networks[place.network]
        self.strangers -= 1

    def _sizeOf(self, network: str) -> int:
        return len(self._networks.get(network, ()))

    def _resize(self, network: str, before: int, after: int) -> None:
        """Keep the networks in order of size; it changes by one."""
        if before:
            del self._bySize[before][network]
            if not self._bySize[before]:
                del self._bySize[before]
        if after:
            self._bySize.setdefault(after, OrderedDict())[network] = None
        if after > self._largest or self._largest not in self._bySize:
            self._largest = after
