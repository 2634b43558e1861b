# -*- test-case-name: ichatgw.test.media.relay.test_symmetric,ichatgw.test.media.transport.test_dtlssrtp -*-
"""
What comes to a side of a relay from elsewhere than its party is known to be, and what is learned from it.
"""

from __future__ import annotations

from typing import cast

from twisted.logger import Logger

from ichatgw.errors import MalformedError
from ichatgw.media.relay.closed import NOBODY
from ichatgw.media.relay.flow import STALE
from ichatgw.media.relay.latch import isAt
from ichatgw.media.relay.medialatch import MediaLatch, Quiet, Rank
from ichatgw.media.relay.sideview import SideView
from ichatgw.media.rtp.rtp import Kind, RTPPacket, classify
from ichatgw.media.sockets.port import MAX_DATAGRAM, Source

MAX_EARLY = 4
"""So many datagrams of DTLS are kept for what is to be agreed on."""

TELLING = 25
"""So many packets from elsewhere are worth a line."""


class Entrance:
    """
    Passes on what comes from the party, and counts what comes from other sources.
    """

    _log = Logger()

    def __init__(self, side: SideView, latch: MediaLatch) -> None:
        self._side = side
        self._latch = latch
        self._refused = 0
        self._sentBefore = 0
        side.arriving.stranger = self._arrived

    def letGo(self) -> None:
        """The side is closed."""
        self._side = cast(SideView, NOBODY)

    def _arrived(self, size: int, source: Source) -> None:
        """
        What L{Flow.rtp<ichatgw.media.relay.flow.Flow.rtp>} does not know: RTP from somewhere new, RTCP on the RTP port,
        or junk.

        Nothing is learned from anything but well-formed RTP of a format that was agreed on.
        """
        side = self._side
        flow = side.arriving
        if size > MAX_DATAGRAM:
            flow.dropped["too long"] += 1
            return
        datagram = bytes(flow.scratch.views[size])
        kind = classify(datagram)
        if kind is Kind.RTCP:
            side.control.arrivedAtMedia(datagram, source)
        elif kind is Kind.STUN:
            side.checked(datagram, source, atControl=False)
        elif kind is not Kind.RTP:
            if kind is Kind.DTLS and len(side.early) < MAX_EARLY:
                side.early.append((datagram, source))
            flow.dropped[kind.name] += 1
        else:
            self._media(datagram, size, source)

    def _media(self, datagram: bytes, size: int, source: Source) -> None:
        side = self._side
        flow = side.arriving
        try:
            packet = RTPPacket.parse(datagram)
        except MalformedError:
            flow.dropped["malformed"] += 1
            return
        if side.remote is None:
            self._latch.heardEarly(source)
        elif side.sent and all(codec.payloadType != packet.payloadType for codec in side.sent):
            flow.dropped["of unknown formats"] += 1
            return
        elif self._latch.admits(source, packet.sequence, packet.ssrc, self._quietStream()):
            self.adopt(source)
            flow.rtp(size, source)
            return
        self._refuse(source)

    def _quietStream(self) -> Quiet | None:
        """What the party has sent, if it has fallen silent and may send: then it may go on from elsewhere."""
        flow = self._side.arriving
        return Quiet(flow.original) if flow.quietLooks >= STALE and self._side.direction.sends else None

    def adopt(self, source: Source, isProved: bool = False) -> None:
        """
        The party is at C{source}.

        @param isProved: it has shown that it hears there.
        """
        side, latch, before = self._side, self._latch, self._latch.source
        heard = side.far.arriving.fed
        if before is not None and latch.rank is Rank.NOTHING and source != before:
            self._log.warn(
                "call={call} the {side} is at {source}: {count} packets for it went to {before}, which only seemed to"
                " be the {side}",
                call=side.call,
                side=side.name,
                source=_shown(source),
                before=_shown(before),
                count=heard - self._sentBefore,
            )
        side.arriving.source = source
        self._sentBefore = heard
        latch.take(source, isProved)
        if source == before:
            return
        self._log.debug(
            "call={call} the {side} sends from {source}", call=side.call, side=side.name, source=_shown(source)
        )
        self.tellControl()
        side.aim()

    def tellControl(self) -> None:
        """Where RTP comes from tells where RTCP does."""
        source, destination = self._latch.source, self._latch.destination
        if source is not None:
            asSignalled = destination is not None and isAt(destination, self._latch.signalled)
            self._side.control.latch.mediaFrom(source, asSignalled)

    def _refuse(self, source: Source) -> None:
        """
        One log line for a call, if this may be why the party is not heard.  A moment of it is normal: packets that were
        under way when the party moved.
        """
        side = self._side
        side.arriving.dropped["stranger"] += 1
        self._refused += 1
        if self._refused == TELLING and side.remote is not None:
            self._log.info(
                "call={call} media from {source}, which is not the {side}, is dropped",
                call=side.call,
                source=_shown(source),
                side=side.name,
            )


def _shown(source: Source) -> str:
    return f"{source[0]} port {source[1]}"
