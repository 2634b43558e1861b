# -*- test-case-name: ichatgw.test.test_fakes -*-
"""
Stand-ins for the media of a call, without sockets.  Each provides its interface for real (C{test_fakes} verifies it).
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from zope.interface import implementer

from ichatgw.errors import Congested, OutOfReach
from ichatgw.interfaces import IMediaEngine, IMediaSide, IRelay
from ichatgw.model import (
    Checks,
    Codec,
    Direction,
    Ending,
    Protection,
    SessionDescription,
    Tone,
    TransportAddress,
    Whereabouts,
)


@implementer(IMediaSide)
@define(eq=False)
class FakeSide:
    """
    A side without sockets.

    @ivar remotes: what C{connect} was told.
    @ivar sents: the formats by our numbers, as C{connect} was told them.
    @ivar whereabouts: and where the signalling has shown its party to be.
    @ivar holds: what C{hold} was told.
    @ivar protections: what C{protect} was told.
    @ivar takesKeys: whether its party takes keys in its media; these are C{tones}.
    @ivar heard: what C{listen} was told.
    @ivar checks: what C{check} was told.
    @ivar full: whether there is no port left.
    @ivar outOfReach: whether there is no way to IPv6.
    """

    address4: TransportAddress = TransportAddress("192.0.2.10", 20000)
    address6: TransportAddress = TransportAddress("2001:db8::10", 20000)
    full: bool = False
    remotes: list[SessionDescription] = field(factory=list)
    sents: list[tuple[Codec, ...] | None] = field(factory=list)
    whereabouts: list[Whereabouts | None] = field(factory=list)
    holds: list[Direction] = field(factory=list)
    protections: list[Protection | None] = field(factory=list)
    failed: Callable[[Ending], None] = field(init=False)
    silent: Callable[[], None] = field(init=False)
    heard: Callable[[Tone], None] | None = None
    checks: list[Checks | None] = field(factory=list)
    isDirect: bool = False
    takesKeys: bool = False
    outOfReach: bool = False
    tones: list[Tone] = field(factory=list)

    def anchor(self) -> IMediaSide:
        return self

    def local(self, towards: str) -> TransportAddress:
        if self.full:
            raise Congested("no port left")
        if self.outOfReach and ":" in towards:
            raise OutOfReach("no route")
        return self.address6 if ":" in towards else self.address4

    def connect(
        self,
        remote: SessionDescription,
        ours: tuple[Codec, ...] | None = None,
        whereabouts: Whereabouts | None = None,
    ) -> None:
        self.remotes.append(remote)
        self.sents.append(ours)
        self.whereabouts.append(whereabouts)

    def protect(self, protection: Protection | None, failed: Callable[[Ending], None]) -> None:
        self.protections.append(protection)
        self.failed = failed

    def watch(self, silent: Callable[[], None]) -> None:
        self.silent = silent

    def check(self, checks: Checks | None) -> None:
        self.checks.append(checks)

    def listen(self, heard: Callable[[Tone], None] | None) -> None:
        self.heard = heard

    def press(self, tone: Tone) -> bool:
        if self.takesKeys:
            self.tones.append(tone)
        return self.takesKeys

    def hold(self, direction: Direction) -> None:
        self.holds.append(direction)


@implementer(IRelay)
@define(eq=False)
class FakeRelay:
    """
    Two sides; C{closed} counts.

    @ivar others: sides that are none of the two.
    @ivar full: whether there is no port left for one more.
    """

    caller: IMediaSide = field(factory=FakeSide)
    callee: IMediaSide = field(factory=FakeSide)
    closed: int = 0
    others: list[IMediaSide] = field(factory=list)
    full: bool = False

    def another(self) -> IMediaSide:
        if self.full:
            raise Congested("no port left")
        side = FakeSide()
        self.others.append(side)
        return side

    def exchange(self, old: IMediaSide, new: IMediaSide) -> None:
        if new in self.others:
            self.others.remove(new)
        if old is self.caller:
            self.caller = new
        else:
            assert old is self.callee
            self.callee = new
        self.others.append(old)

    def drop(self, side: IMediaSide) -> None:
        self.others.remove(side)

    def close(self) -> None:
        self.closed += 1


@implementer(IMediaEngine)
@define(eq=False)
class FakeMediaEngine:
    """Remembers the relays it made; C{full} makes it refuse."""

    full: bool = False
    relays: list[FakeRelay] = field(factory=list)

    @property
    def hasRoom(self) -> bool:
        return not self.full

    def allocate(self, callId: str) -> IRelay:
        if self.full:
            raise Congested("no port left")
        relay = FakeRelay()
        self.relays.append(relay)
        return relay

    @property
    def open(self) -> int:
        """How many relays still hold their ports."""
        return sum(1 for relay in self.relays if not relay.closed)
