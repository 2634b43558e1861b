# -*- test-case-name: ichatgw.test.media.relay.test_direct -*-
"""
A relay that carries no media at first: each party is shown the address of the other one, as it is when
C{AlwaysRelayIChatMedia} is off.  When that does not suffice any more, a real relay takes its place.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, evolve, field
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.interfaces import IMediaSide, IRelay
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
from ichatgw.net.literals import ip_address
from ichatgw.runtime.nulls import unheard

_log = Logger()


def areNear(one: str, other: str) -> bool:
    """Can two hosts (IP literals) talk to each other, as far as their addresses tell?"""
    first, second = ip_address(one), ip_address(other)
    return (
        first.version == second.version
        and first.is_private == second.is_private
        and first.is_loopback == second.is_loopback
    )


@implementer(IMediaSide)
@define(eq=False)
class DirectSide:
    """
    @ivar remote: what the party has said, with the last address that it gave.
    """

    _relay: DirectRelay
    remote: SessionDescription | None = field(default=None, init=False)
    _ours: tuple[Codec, ...] | None = field(default=None, init=False)
    _whereabouts: Whereabouts | None = field(default=None, init=False)
    _direction: Direction = field(default=Direction.SENDRECV, init=False)
    _silent: Callable[[], None] = field(default=unheard, init=False)

    @property
    def isDirect(self) -> bool:
        return self._relay.isDirect

    def anchor(self) -> IMediaSide:
        return self._relay.anchored(self)

    def local(self, towards: str) -> TransportAddress:
        shown = self._relay.shown(self, towards)
        return self.anchor().local(towards) if shown is None else shown

    def connect(
        self,
        remote: SessionDescription,
        ours: tuple[Codec, ...] | None = None,
        whereabouts: Whereabouts | None = None,
    ) -> None:
        before = self.remote.address if self.remote is not None else None
        self.remote = evolve(remote, address=remote.address or before)
        self._ours, self._whereabouts = ours, whereabouts
        if not self.isDirect:
            self.anchor().connect(remote, ours, whereabouts)

    def protect(self, protection: Protection | None, failed: Callable[[Ending], None]) -> None:
        if protection is not None or not self.isDirect:
            self.anchor().protect(protection, failed)

    def hold(self, direction: Direction) -> None:
        self._direction = direction
        if not self.isDirect:
            self.anchor().hold(direction)

    def watch(self, silent: Callable[[], None]) -> None:
        self._silent = silent
        if not self.isDirect:
            self.anchor().watch(silent)

    def check(self, checks: Checks | None) -> None:
        if checks is not None or not self.isDirect:
            self.anchor().check(checks)

    def listen(self, heard: Callable[[Tone], None] | None) -> None:
        if not self.isDirect:
            self.anchor().listen(heard)

    def press(self, tone: Tone) -> bool:
        return not self.isDirect and self.anchor().press(tone)

    def hand(self, real: IMediaSide) -> None:
        """Tell the side that takes its place what is known."""
        real.watch(self._silent)
        if self.remote is not None and self.remote.address is not None:
            real.local(self.remote.address.host)
            real.connect(self.remote, self._ours, self._whereabouts)
            real.hold(self._direction)


@implementer(IRelay)
class DirectRelay:
    """
    @ivar isDirect: nothing passes here yet.
    @param offered: where the caller wants media.
    @param make: makes a real relay, with ports.
    """

    def __init__(self, callId: str, offered: TransportAddress, make: Callable[[], IRelay]) -> None:
        self._id = callId
        self._offered = offered
        self._make = make
        self._real: IRelay | None = None
        self._closed = self._committed = False
        self.isDirect = True
        self.caller = DirectSide(self)
        self.callee = DirectSide(self)
        self._places: tuple[IMediaSide, IMediaSide] | None = None

    def shown(self, side: DirectSide, towards: str) -> TransportAddress | None:
        """What the party at C{towards} is told instead of an address of ours; C{None} if it needs one."""
        if not self.isDirect:
            return None
        other = self.callee if side is self.caller else self.caller
        there = other.remote.address if other.remote is not None else None
        if side is self.caller:
            self._committed = self._committed or there is not None
            return there
        there = there or self._offered
        return there if self._committed or areNear(there.host, towards) else None

    def anchored(self, side: DirectSide) -> IMediaSide:
        """
        What C{side} is from now on.

        @raise Congested: if no port is left.
        """
        real = self._relay()
        if self._places is None:
            self._places = (real.caller, real.callee)
        if self.isDirect:
            self.isDirect = False
            _log.info("call={call} media passes here from now on", call=self._id)
            for direct, place in zip((self.caller, self.callee), self._places, strict=True):
                direct.hand(place)
        return self._places[0 if side is self.caller else 1]

    def _relay(self) -> IRelay:
        if self._real is None:
            self._real = self._make()
        return self._real

    def another(self) -> IMediaSide:
        return self._relay().another()

    def exchange(self, old: IMediaSide, new: IMediaSide) -> None:
        self._relay().exchange(old, new)

    def drop(self, side: IMediaSide) -> None:
        if self._real is not None:
            self._real.drop(side)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._real is not None:
            self._real.close()
        if self.isDirect:
            _log.info("call={call} media: went from party to party", call=self._id)
