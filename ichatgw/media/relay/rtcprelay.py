# -*- test-case-name: ichatgw.test.media.relay.test_rtcprelay,ichatgw.test.media.ice.test_lite -*-
"""
RTCP of one side of a relay.
"""

from __future__ import annotations

from typing import cast

from ichatgw.errors import MalformedError
from ichatgw.media.relay.closed import NOBODY
from ichatgw.media.relay.latch import ControlLatch, SendTo, isAt
from ichatgw.media.relay.sideview import SideView
from ichatgw.media.rtp.rtcp import Renumbering, rewrite
from ichatgw.media.rtp.rtp import Kind, classify
from ichatgw.media.sockets.port import MAX_DATAGRAM, Source


class Control:
    """
    Takes RTCP of the side's party only, lets the other side send it on, and knows where that for the party goes.

    @ivar latch: where the party's comes from.
    @ivar heard: whether any has come; may be set back.
    """

    def __init__(self, side: SideView) -> None:
        self._side = side
        self.latch = ControlLatch()
        self.heard = False

    def letGo(self) -> None:
        """The side is closed."""
        self._side = cast(SideView, NOBODY)

    def arrivedAtMedia(self, datagram: bytes, source: Source) -> None:
        """RTCP on the RTP port: an iChat has one port for everything (compare RFC 5761)."""
        side = self._side
        if source == side.arriving.source or isAt(source, side.signalled) or self.latch.admits(source):
            self.taken(datagram, source, atControl=False)
        else:
            side.arriving.dropped["stranger"] += 1

    def arrived(self, size: int, source: Source) -> None:
        """A datagram of C{size} bytes came to the RTCP port."""
        flow = self._side.arriving
        datagram = bytes(flow.scratch.views[size])
        if size <= MAX_DATAGRAM and classify(datagram) is Kind.STUN:
            self._side.checked(datagram, source, atControl=True)
        elif size > MAX_DATAGRAM or classify(datagram) is not Kind.RTCP:
            flow.dropped["not RTCP"] += 1
        elif self.latch.admits(source):
            self.taken(datagram, source, atControl=True)
        else:
            flow.dropped["stranger"] += 1

    def taken(self, datagram: bytes, source: Source, atControl: bool) -> None:
        """
        RTCP of our party: pass it on if it is valid, and remember where it came from.

        @param atControl: whether it came to the port for RTCP.
        """
        side = self._side
        flow, back = side.arriving, side.far.arriving
        numbers = Renumbering(
            outgoing=flow.shown,
            received=back.shown,
            source=flow.original,
            original=back.original,
            timestampShift=flow.timestampShift,
            sequenceShift=back.sequenceShift,
            packets=flow.fed,
            octets=flow.payloadOctets,
        )
        try:
            rewritten = rewrite(datagram, numbers)
        except MalformedError:
            flow.dropped["malformed RTCP"] += 1
            return
        self.heard = True
        side.reported(datagram, source)
        pair = side.pairFor(source)
        self.latch.adopt(source, None if pair is None else (pair.rtcp if atControl else pair.rtp).sendto)
        side.far.sendControl(rewritten)

    @property
    def way(self) -> tuple[SendTo | None, Source | None]:
        """How and where RTCP reaches the party."""
        if self.latch.source is not None:
            return self.latch.send, self.latch.source
        if self._side.muxed:
            return self._side.mediaWay
        destination = self.latch.guess()
        pair = self._side.pairFor(destination)
        return (None, None) if pair is None else (pair.rtcp.sendto, destination)

    def send(self, datagram: bytes) -> None:
        """RTCP for our party, as it is to go."""
        send, destination = self.way
        if send is None:
            return
        try:
            send(datagram, destination)
        except OSError:
            self._side.far.arriving.dropped["unsendable"] += 1
