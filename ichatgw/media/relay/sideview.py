# -*- test-case-name: ichatgw.test.media.relay.test_symmetric -*-
"""
What the parts of a side of a relay see of the side that they belong to.
"""

from __future__ import annotations

from typing import Protocol

from ichatgw.media.relay.flow import Flow
from ichatgw.media.relay.latch import ControlLatch, SendTo
from ichatgw.media.sockets.port import Source
from ichatgw.media.sockets.sockets import PortPair
from ichatgw.model import Codec, Direction, SessionDescription, TransportAddress


class ControlView(Protocol):
    """RTCP of the side, see L{Control<ichatgw.media.relay.rtcprelay.Control>}."""

    heard: bool
    latch: ControlLatch

    def arrivedAtMedia(self, datagram: bytes, source: Source) -> None:
        """RTCP on the RTP port."""


class FarView(Protocol):
    """The other side."""

    @property
    def arriving(self) -> Flow:
        """What its party sends."""

    def sendControl(self, datagram: bytes) -> None:
        """RTCP for its party."""


class SideView(Protocol):
    """
    See L{Side<ichatgw.media.relay.side.Side>}.

    @ivar sent: the formats that the party may send.
    @ivar early: datagrams of DTLS that came before keys were agreed on, and where each came from.
    """

    name: str
    call: str
    arriving: Flow
    remote: SessionDescription | None
    sent: tuple[Codec, ...]
    direction: Direction
    early: list[tuple[bytes, Source]]

    @property
    def far(self) -> FarView:
        """The other side."""

    @property
    def control(self) -> ControlView:
        """RTCP of the side."""

    @property
    def signalled(self) -> TransportAddress | None:
        """Where the party said that it is."""

    @property
    def muxed(self) -> bool:
        """Does the party have RTP and RTCP at one port (RFC 5761)?"""

    @property
    def mediaWay(self) -> tuple[SendTo | None, Source | None]:
        """How and where RTP reaches the party."""

    def pairFor(self, destination: Source | None) -> PortPair | None:
        """The ports of the family of C{destination}."""

    def checked(self, datagram: bytes, source: Source, atControl: bool) -> None:
        """STUN came."""

    def reported(self, datagram: bytes, source: Source) -> None:
        """RTCP of the party came, and is valid."""

    def aim(self) -> None:
        """Media for the party has another way now."""
