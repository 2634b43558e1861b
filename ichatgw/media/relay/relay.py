# -*- test-case-name: ichatgw.test.media.relay.test_relay,ichatgw.test.media.relay.test_exchange -*-
"""
A relay: two sides, and what comes in at one goes out at the other.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.errors import Congested
from ichatgw.interfaces import IMediaSide, IRelay
from ichatgw.media.relay.side import Side
from ichatgw.media.rtp.payloadtypes import mappingOf
from ichatgw.media.rtp.rtp import FRAME_SECONDS
from ichatgw.runtime.nulls import unheard


@implementer(IRelay)
class Relay:
    """
    Joins two sides for one call.

    It ends with L{close}, which gives back all that it holds; after that it receives nothing.
    """

    _log = Logger()

    def __init__(
        self,
        callId: str,
        caller: Side,
        callee: Side,
        closed: Callable[[Relay], None],
        make: Callable[[str, bool], Side],
    ) -> None:
        """
        @param closed: told once, when the relay is closed.
        @param make: makes one more side of that name, with or without ports.
        @raise Congested: (by C{make}) if no port is left.
        """
        self.id = callId
        self.caller = caller
        self.callee = callee
        self._told = closed
        self._make = make
        self._closed = False
        self._others: list[Side] = []
        self._mute: Side | None = None
        caller.far, callee.far = callee, caller
        caller.relay = callee.relay = self
        caller.described = callee.described = self._agree

    def look(self) -> None:
        """To be called every L{LOOK_SECONDS<ichatgw.media.relay.flow.LOOK_SECONDS>}."""
        self.caller.look()
        self.callee.look()

    def another(self) -> Side:
        if self._closed:
            raise Congested("the relay is closed")
        side = self._make("other party", True)
        self._isolate(side)
        self._others.append(side)
        return side

    def exchange(self, old: IMediaSide, new: IMediaSide) -> None:
        assert isinstance(old, Side) and isinstance(new, Side) and old in (self.caller, self.callee)
        if self._closed:
            return
        if new in self._others:
            self._others.remove(new)
        else:
            new.relay._lose(new)
        stays, heard = old.far, new.far.arriving
        new.name, new.call, new.relay, new.described = old.name, self.id, self, self._agree
        if old is self.caller:
            self.caller = new
        else:
            self.callee = new
        self._isolate(old)
        self._others.append(old)
        new.arriving.follow(old.arriving)
        if heard.fed:
            stays.arriving.follow(heard)
        new.face(stays)
        stays.face(new)
        self._agree()

    def drop(self, side: IMediaSide) -> None:
        if side in self._others:
            assert isinstance(side, Side)
            self._others.remove(side)
            side.close()

    def _lose(self, side: Side) -> None:
        """Another relay has it from now on."""
        if side in self._others:
            self._others.remove(side)
            return
        stays = side.far
        substitute = self._make(side.name, False)
        if side is self.caller:
            self.caller = substitute
        else:
            self.callee = substitute
        substitute.relay = self
        substitute.described = self._agree
        substitute.close()
        substitute.face(stays)
        side.arriving.aim(None, None)
        stays.arriving.aim(None, None)
        stays.face(substitute)

    def _isolate(self, side: Side) -> None:
        """Let what comes in at C{side} go nowhere, and feed it from nowhere."""
        if self._mute is None:
            self._mute = self._make("nobody", False)
            self._mute.relay = self
            self._mute.close()
        self._mute.far = side
        side.relay = self
        side.arriving.aim(None, None)
        side.face(self._mute)
        side.described = unheard

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        mute = () if self._mute is None else (self._mute,)
        for side in (self.caller, self.callee, *self._others, *mute):
            side.close()
            side.letGo()
        self._others.clear()
        self._mute = None
        self._told(self)
        toCallee, toCaller = self.caller.arriving, self.callee.arriving
        dropped = toCallee.dropped + toCaller.dropped
        if not (toCallee.fed or toCaller.fed or dropped):
            return  # the call never came so far as to have media
        self._log.info(
            "call={call} media: {fromCaller} packets from the caller, {fromCallee} from the callee; silence of "
            "{silenceToCaller:.1f} s to the caller, {silenceToCallee:.1f} s to the callee; dropped: {dropped}",
            call=self.id,
            fromCaller=toCallee.relayed,
            fromCallee=toCaller.relayed,
            silenceToCaller=toCaller.silences * FRAME_SECONDS,
            silenceToCallee=toCallee.silences * FRAME_SECONDS,
            dropped=", ".join(f"{n} {why}" for why, n in dropped.items()) or "none",
        )

    def _agree(self) -> None:
        """Both parties may have said how they number codecs."""
        caller, callee = self.caller.remote, self.callee.remote
        if caller is not None and callee is not None:
            self.caller.arriving.map(mappingOf(self.caller.sent, callee, self.caller.heard))
            self.callee.arriving.map(mappingOf(self.callee.sent, caller, self.callee.heard))
