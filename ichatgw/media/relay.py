# -*- test-case-name: ichatgw.test.test_media_relay -*-
"""
A relay: two sides, and what comes in at one goes out at the other.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.interfaces import IRelay
from ichatgw.media.rtp import FRAME_SECONDS
from ichatgw.media.side import Side
from ichatgw.model import Codec, SessionDescription


@implementer(IRelay)
class Relay:
    """
    Joins two sides for one call.

    It ends with L{close}, which gives back all that it holds; after that it is deaf.
    """

    _log = Logger()

    def __init__(self, callId: str, caller: Side, callee: Side, closed: Callable[[Relay], None]) -> None:
        """
        @param closed: told once, when the relay is closed.
        """
        self.id = callId
        self.caller = caller
        self.callee = callee
        self._told = closed
        self._closed = False
        caller.far, callee.far = callee, caller
        caller.described = callee.described = self._agree

    def look(self) -> None:
        """To be called every L{LOOK_SECONDS<ichatgw.media.flow.LOOK_SECONDS>}."""
        self.caller.arriving.look()
        self.callee.arriving.look()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.caller.close()
        self.callee.close()
        self._told(self)
        toCallee, toCaller = self.caller.arriving, self.callee.arriving
        self._log.info(
            "call={call} media: {fromCaller} packets from the caller, {fromCallee} from the callee; silence of "
            "{silenceToCaller:.1f} s to the caller, {silenceToCallee:.1f} s to the callee; dropped: {dropped}",
            call=self.id,
            fromCaller=toCallee.relayed,
            fromCallee=toCaller.relayed,
            silenceToCaller=toCaller.silences * FRAME_SECONDS,
            silenceToCallee=toCallee.silences * FRAME_SECONDS,
            dropped=", ".join(f"{n} {why}" for why, n in (toCallee.dropped + toCaller.dropped).items()) or "none",
        )

    def _agree(self) -> None:
        """Both parties may have said how they number codecs."""
        caller, callee = self.caller.remote, self.callee.remote
        if caller is not None and callee is not None:
            self.caller.arriving.payloadTypes = payloadTypeTable(self.caller.sent, callee)
            self.callee.arriving.payloadTypes = payloadTypeTable(self.callee.sent, caller)


def payloadTypeTable(codecs: tuple[Codec, ...], receiver: SessionDescription) -> bytes | None:
    """
    For each second byte of an RTP packet (marker and payload type) what the receiver expects instead.

    @return: C{None} if that is the same for all C{codecs}.
    """
    table = bytearray(range(256))
    for codec in codecs:
        wanted = receiver.find(codec)
        if wanted is not None:
            table[codec.payloadType] = wanted.payloadType
            table[codec.payloadType | 0x80] = wanted.payloadType | 0x80
    return None if table == bytes(range(256)) else bytes(table)
