# -*- test-case-name: ichatgw.test.media.ice.test_agent,ichatgw.test.media.transport.test_transport -*-
"""
Which ways there may be between our sockets and the peer's candidates, and which is to be tried next (RFC 8445 section
6.1, RFC 8838).

All our host candidates of one address family and component share a socket, and the kernel chooses the address that
its datagrams come from.  So pairs are made with sockets, here called bases, and not with each candidate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from ipaddress import ip_address

from aioice.candidate import candidate_priority
from attrs import define, evolve, field, frozen

from ichatgw.media.ice.stunrequests import Request
from ichatgw.model import Candidate, TransportAddress

# The most candidates that a peer may name, and the most pairs, those with learned candidates included.
MAX_CANDIDATES = 64
MAX_PAIRS = 100


def preferenceOf(isIPv6: bool, number: int = 0) -> int:
    """The local preference of our candidate with that number: IPv6 before IPv4 (RFC 8421), the first ones first."""
    return (65535 if isIPv6 else 65535 - 256) - number


def priorityOf(kind: str, component: int, preference: int) -> int:
    """RFC 8445 section 5.1.2.1."""
    return int(candidate_priority(component, kind, preference))


@frozen
class Base:
    """One of our sockets."""

    component: int
    isIPv6: bool

    @property
    def priority(self) -> int:
        """That of the host candidate there."""
        return priorityOf("host", self.component, preferenceOf(self.isIPv6))

    @property
    def learnedPriority(self) -> int:
        """That of a candidate which the peer learns of."""
        return priorityOf("prflx", self.component, preferenceOf(self.isIPv6))


class State(Enum):
    """Of a pair (RFC 8445 section 6.1.2.6)."""

    FROZEN = "frozen"
    WAITING = "waiting"
    IN_PROGRESS = "in progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_DONE = (State.SUCCEEDED, State.FAILED)


@define(eq=False)
class Pair:
    """
    @ivar nominatedAt: when the controlling peer last asked for this one; C{None} if never.
    @ivar askedAt: when the peer last sent a check by this one.
    @ivar request: our check that is on its way.
    """

    base: Base
    remote: Candidate
    state: State = State.FROZEN
    nominatedAt: float | None = None
    askedAt: float | None = None
    request: Request | None = field(default=None, repr=False)

    def priority(self, controlling: bool) -> int:
        """RFC 8445 section 6.1.2.3."""
        ours, theirs = self.base.priority, self.remote.priority
        greater = ours > theirs if controlling else theirs > ours
        return (min(ours, theirs) << 32) + 2 * max(ours, theirs) + greater

    @property
    def group(self) -> tuple[bool, str, str, str]:
        """Pairs that most likely share their fate: what the foundation is for, though some peers number all alike."""
        return self.base.isIPv6, self.remote.foundation, self.remote.kind, self.remote.address.host


def isUsable(candidate: Candidate, component: int, loopback: bool) -> bool:
    """
    Can it be tried?  Link-local addresses and those that are not of one host cannot.

    @param loopback: whether a loopback address can be that of a peer.
    """
    address = candidate.address
    if candidate.protocol != "udp" or address.port == 0 or candidate.component != component:
        return False
    if not 0 < candidate.priority < 1 << 32 or "%" in address.host:
        return False
    ip = ip_address(address.host)
    if ip.version == 6 and (ip.ipv4_mapped is not None or ip.is_site_local):
        return False
    return not (
        ip.is_multicast
        or ip.is_unspecified
        or ip.is_link_local
        or (ip.is_loopback and not loopback)
        or address.host == "255.255.255.255"
    )


@define(eq=False)
class Checklist:
    """
    The pairs of one component.

    @ivar dropped: how many candidates there was no room for, or no use.
    """

    bases: tuple[Base, ...]
    component: int
    loopback: bool
    dropped: int = 0
    _candidates: int = 0
    _pairs: dict[tuple[Base, TransportAddress], Pair] = field(factory=dict, init=False)
    _triggered: deque[Pair] = field(factory=deque, init=False)

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._pairs.values())

    def find(self, base: Base, address: TransportAddress) -> Pair | None:
        return self._pairs.get((base, address))

    def add(self, candidate: Candidate) -> None:
        """The peer has named a candidate."""
        if not isUsable(candidate, self.component, self.loopback) or self._candidates >= MAX_CANDIDATES:
            self.dropped += 1
            return
        self._candidates += 1
        address = TransportAddress(str(ip_address(candidate.address.host)), candidate.address.port)
        candidate = evolve(candidate, address=address)
        for base in self.bases:
            if base.component != candidate.component or base.isIPv6 != address.isIPv6:
                continue
            known = self._pairs.get((base, address))
            if known is not None:
                # Learned before it was named, or named twice.
                if known.remote.kind == "prflx" or candidate.priority > known.remote.priority:
                    known.remote = candidate
            elif self._makeRoom():
                self._pairs[base, address] = Pair(base, candidate)

    def learn(self, base: Base, address: TransportAddress, priority: int) -> Pair | None:
        """
        The peer has sent a check from a place it has not named: a peer-reflexive candidate.

        @return: its pair; C{None} if there is no room.
        """
        if not self._makeRoom():
            self.dropped += 1
            return None
        remote = Candidate(f"prflx{len(self._pairs)}", base.component, priority, address, kind="prflx")
        pair = self._pairs[base, address] = Pair(base, remote)
        return pair

    def trigger(self, pair: Pair) -> None:
        """Let it be next (RFC 8445 section 7.3.1.4)."""
        if pair not in self._triggered:
            self._triggered.append(pair)

    def next(self, controlling: bool) -> Pair | None:
        """The pair to check now; C{None} if there is none."""
        while self._triggered:
            pair = self._triggered.popleft()
            if pair.state is not State.SUCCEEDED and self._pairs.get((pair.base, pair.remote.address)) is pair:
                return pair
        ready = [pair for pair in self if pair.state is State.WAITING] or self._thawed()
        return max(ready, key=lambda pair: pair.priority(controlling), default=None)

    def _thawed(self) -> list[Pair]:
        """Of each group that is not being tried the first of the frozen ones."""
        busy = {pair.group for pair in self if pair.state is State.IN_PROGRESS}
        first: dict[tuple[bool, str, str, str], Pair] = {}
        for pair in self:
            if pair.state is State.FROZEN and pair.group not in busy:
                first.setdefault(pair.group, pair)
        return list(first.values())

    def succeeded(self, pair: Pair) -> None:
        """It works, and those that share its fate are worth a try."""
        pair.state = State.SUCCEEDED
        for other in self:
            if other.state is State.FROZEN and other.group == pair.group:
                other.state = State.WAITING

    def valid(self) -> list[Pair]:
        """The pairs that work."""
        return [pair for pair in self if pair.state is State.SUCCEEDED]

    def open(self) -> list[Pair]:
        """The pairs of which nothing is known yet."""
        return [pair for pair in self if pair.state not in _DONE]

    def settle(self, controlling: bool, best: Pair) -> list[Pair]:
        """
        There is a pair to use: give up what cannot be better.

        @return: the pairs whose checks are to be cancelled.
        """
        cancelled = []
        for pair in list(self):
            if pair.state in _DONE or pair in self._triggered:
                continue
            if pair.state is not State.IN_PROGRESS:
                del self._pairs[pair.base, pair.remote.address]
            elif pair.priority(controlling) < best.priority(controlling) and pair.nominatedAt is None:
                cancelled.append(pair)
        return cancelled

    def _makeRoom(self) -> bool:
        """Failed pairs go first; else of the learned ones that do not work yet the one that waits for longest."""
        if len(self._pairs) < MAX_PAIRS:
            return True
        for pair in self:
            if pair.state is State.FAILED or (pair.remote.kind == "prflx" and pair.state is not State.SUCCEEDED):
                if pair.request is not None:
                    continue
                del self._pairs[pair.base, pair.remote.address]
                return True
        return False
