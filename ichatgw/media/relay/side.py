# -*- test-case-name: ichatgw.test.media.ice.test_lite,ichatgw.test.media.rtp.test_dtmf,ichatgw.test.media.relay,ichatgw.test.media.transport,ichatgw.test.media.test_engine -*-  # noqa: E501
"""
One side of a relay: where its party is, whose packets it takes, and what it is sent.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, cast

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.errors import Congested, OutOfReach
from ichatgw.interfaces import IMediaSide
from ichatgw.media.ice.lite import Lite
from ichatgw.media.relay.absence import Absence
from ichatgw.media.relay.closed import NOBODY, unwanted
from ichatgw.media.relay.entrance import Entrance
from ichatgw.media.relay.figures import Figures
from ichatgw.media.relay.filter import BlockedMedia, MediaFilter
from ichatgw.media.relay.flow import LOOK_SECONDS, Flow
from ichatgw.media.relay.latch import SendTo, familyOf
from ichatgw.media.relay.medialatch import MediaLatch, Rank
from ichatgw.media.relay.rtcprelay import Control
from ichatgw.media.rtp.comfort import formatOf
from ichatgw.media.sockets.port import Source
from ichatgw.media.sockets.sockets import PortPair, SideSockets
from ichatgw.model import (
    PCMU,
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
from ichatgw.observe.events import MediaEvent, MediaStats
from ichatgw.observe.stream import UNREAD, Events
from ichatgw.runtime.nulls import unheard


class Securing(MediaFilter, Protocol):
    """A L{MediaFilter} for a party at a plain address, with keys from the signalling or from DTLS."""

    def agree(self, protection: Protection, failed: Callable[[Ending], None]) -> None:
        """See L{IMediaSide.protect}; may be said anew."""

    def close(self) -> None:
        """Idempotent."""


_LISTENING = frozenset({Direction.SENDRECV, Direction.RECVONLY})


@frozen
class Twice:
    """
    Sends to the destination and to another place.

    @ivar send: the C{sendto} by which it does so.
    """

    send: SendTo
    also: Source

    def __call__(self, datagram: Any, destination: Source) -> None:
        with suppress(OSError):  # the destination decides whether it could be sent
            self.send(datagram, self.also)
        self.send(datagram, destination)


@frozen
class Means:
    """
    What all sides are made with.

    @ivar securing: makes what protects media if that is agreed on.
    @ivar lite: makes what answers checks if the party makes any.
    @ivar patience: seconds after which a party is silent; 0 for never.
    @ivar lost: told of a call of which a port has gone and cannot be opened again, and why.
    """

    securing: Callable[[Side], Securing]
    lite: Callable[[Side, Checks], Lite]
    patience: float
    lost: Callable[[str, str], object]


@implementer(IMediaSide)
class Side:
    """
    Takes media from its party only, and knows where to send what is meant for the party.

    Where that is, the signalling says, or else its media shows, see L{MediaLatch}.  Nothing is taken before the party
    was connected, and nothing is sent before it was shown an address of ours.

    @ivar name: whose side it is, for the log.
    @ivar call: the call's name there.
    @ivar arriving: what the party sends.
    @ivar control: its RTCP.
    @ivar far: the other side.
    @ivar relay: whose side it is now.
    @ivar described: called when the party has said what it speaks.
    @ivar remote: what it has said.
    @ivar direction: which way it lets media flow.
    @ivar heard: told of keys in its media that the other party does not take there.
    @ivar early: DTLS that came before it was agreed on, which is a matter of milliseconds.
    @ivar sent: the formats in which it sends, by the payload types that it was told.
    """

    _log = Logger()
    far: Side
    relay: Any
    described: Callable[[], None]

    def __init__(
        self,
        name: str,
        callId: str,
        sockets: SideSockets,
        arriving: Flow,
        latch: MediaLatch,
        means: Means,
        events: Events = UNREAD,
    ) -> None:
        """
        @param latch: says whose media is taken.
        @param means: what all sides are made with.
        @param events: told of what becomes of its media.
        """
        self.name = name
        self.call = callId
        self._sockets = sockets
        self.arriving = arriving
        self.remote: SessionDescription | None = None
        self.sent: tuple[Codec, ...] = ()
        self.direction = Direction.SENDRECV
        self._latch = latch
        self._twice: Twice | None = None
        self.control = Control(self)
        self._entrance = Entrance(self, latch)
        self._absence = Absence(self, means.patience)
        self._closed = False
        self._guard: MediaFilter | None = None
        self._securing: Securing | None = None
        self._means = means
        self._lite: Lite | None = None
        self.heard: Callable[[Tone], None] | None = None
        self.early: list[tuple[bytes, Source]] = []
        self.events = events
        self.figures = Figures(self)
        arriving.began = self.figures.began

    @property
    def quiet(self) -> float:
        """For how many seconds the party has sent nothing."""
        return self.arriving.quietLooks * LOOK_SECONDS

    isDirect = False

    def anchor(self) -> Side:
        return self

    def local(self, towards: str) -> TransportAddress:
        if self._closed:
            raise Congested("the relay is closed")
        pair = self._open(socket.AF_INET6 if ":" in towards else socket.AF_INET)
        address = self._sockets.address(towards, pair)
        self._aim()
        return address

    def connect(
        self,
        remote: SessionDescription,
        ours: tuple[Codec, ...] | None = None,
        whereabouts: Whereabouts | None = None,
    ) -> None:
        if self._closed:
            return
        self.sent = remote.codecs if ours is None else _sentBy(remote.codecs, ours)
        before, self.remote = self.remote, remote
        self.direction = remote.direction
        # A party that only says the same again keeps what was learned about its NAT.
        if self._latch.signal(remote.address, whereabouts):
            self.arriving.source = None
            self.control.latch.signal(remote)
        elif remote.address == self.signalled and before is not None and remote.rtcp != before.rtcp:
            self.control.latch.signal(remote)
            self._entrance.tellControl()
        self._tellFar()
        self.described()
        self._aim()

    def face(self, far: Side) -> None:
        """From now on C{far} is the other side."""
        self.far = far
        self._tellFar()
        self._aim()

    def _tellFar(self) -> None:
        """With what our party can be fed."""
        if self.remote is not None:
            self.far.arriving.speak([formatOf(codec) for codec in self.remote.codecs or (PCMU,)])

    def hold(self, direction: Direction) -> None:
        self.direction = direction
        self._aim()

    def watch(self, silent: Callable[[], None]) -> None:
        self._absence.silent = silent

    def look(self) -> None:
        """See L{ichatgw.media.relay.relay.Relay.look}."""
        self.arriving.look()
        self._absence.look()
        trouble = self._sockets.look()
        if trouble:
            self._means.lost(self.call, trouble)
        if self.events.isOn(MediaStats):
            self.figures.look()

    def shownTo(self, source: Source) -> TransportAddress | None:
        """Where the party at C{source} sends RTP; C{None} if there is no way."""
        pair = self.pairFor(source)
        try:
            return None if pair is None else self._sockets.address(source[0], pair)
        except OutOfReach:
            return None

    def tell(self, kind: type[MediaEvent], *what: object) -> None:
        """Something happens to media of our party, for those who watch calls."""
        events = self.events
        if events.isOn(kind):
            events.publish(kind(*events.now(), self.call, self.name, *what))

    def reported(self, datagram: bytes, source: Source) -> None:
        """Our party's RTCP has come, and is valid."""
        self.figures.took(datagram, source)

    def check(self, checks: Checks | None) -> None:
        if self._closed or (self._lite is not None and self._lite.checks == checks):
            return
        self._lite = None if checks is None else self._means.lite(self, checks)

    def checked(self, datagram: bytes, source: Source, atControl: bool) -> None:
        """STUN came; it may be a check of the party."""
        if self._lite is None:
            self.arriving.dropped["STUN"] += 1
        else:
            self._lite.received(datagram, source, atControl)

    def listen(self, heard: Callable[[Tone], None] | None) -> None:
        self.heard = heard
        self.described()

    def press(self, tone: Tone) -> bool:
        return not self._closed and self.far.arriving.press(tone)

    def protect(self, protection: Protection | None, failed: Callable[[Ending], None]) -> None:
        if self._closed:
            return
        if protection is None:
            if self._securing is not None:
                self._securing.close()
                self._securing = None
                self.guard(None)
                self._log.info(
                    "call={call} media of the {side} is not protected any more", call=self.call, side=self.name
                )
            elif isinstance(self._guard, BlockedMedia):
                self.guard(None)  # another party has the side, after one whose media was protected
            return
        if self._securing is None:
            self._securing = self._means.securing(self)
            self.guard(self._securing)
        self._securing.agree(protection, failed)

    def guard(self, guard: MediaFilter | None) -> None:
        """
        From now on all packets of our party go through the filter C{guard}; C{None}: through no filter.
        """
        self._guard = guard
        self._latch.forget()
        self.arriving.source = None
        for pair in self._sockets.pairs:
            pair.rtp.deliver = self.arriving.rtp if guard is None else guard.arrived
            pair.rtcp.deliver = self.control.arrived if guard is None else guard.arrivedAtControl
        self._aim()

    def unguard(self, guard: MediaFilter) -> None:
        """
        The filter C{guard} is closed; if another one has taken its place, that stays.

        Else the side drops what it receives and sends nothing until it gets another filter: media that was protected
        must not go on in the clear.
        """
        if self._guard is guard:
            self.guard(BlockedMedia(self.arriving))

    def sockets(self, family: int) -> PortPair:
        """
        Our ports of one address family, for a L{MediaFilter}.

        @raise Congested: if there are none.
        """
        if self._closed:
            raise Congested("the relay is closed")
        return self._open(family)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses of this host at which others may reach our ports."""
        return self._sockets.hosts

    @property
    def advertised(self) -> tuple[str, ...]:
        """Those of a router that hands on to our ports whatever comes to the same ports there."""
        return self._sockets.advertised

    def aim(self) -> None:
        """The L{MediaFilter} has another C{way}: send the other party's media there."""
        self._aim()

    def mediaOpened(self, size: int, source: Source) -> None:
        """RTP of our party lies in the buffer; a L{MediaFilter} has decrypted it, so the party is at C{source}."""
        if source != self.arriving.source:
            self._entrance.adopt(source)
        self.arriving.rtp(size, source)

    def close(self) -> None:
        """Idempotent."""
        if not self._closed and self.events.isOn(MediaStats):
            self.figures.publish(isLast=True)
        self._closed = True
        if self._securing is not None:
            self._securing.close()
            self._securing = None
        self._guard = None
        self.early.clear()
        self.heard = self._lite = None
        self.arriving.close()
        self._sockets.close()
        self.arriving.stranger = unwanted
        self.figures.letGo()
        self._entrance.letGo()
        self._absence.letGo()
        self.described = unheard
        self.control.letGo()

    def letGo(self) -> None:
        """The relay is closed, and has no two sides any more."""
        self.far = cast(Side, NOBODY)
        self.relay = None

    # Where the party is

    def _open(self, family: int) -> PortPair:
        guard = self._guard
        if guard is None:
            return self._sockets.open(family, self.arriving.rtp, self.control.arrived)
        return self._sockets.open(family, guard.arrived, guard.arrivedAtControl)

    def pairFor(self, destination: Source | None) -> PortPair | None:
        """Our ports of the family of the destination; none before the party was shown any of ours."""
        if destination is None or not self._sockets.isOpen:
            return None
        try:
            return self._open(familyOf(destination))
        except (Congested, OutOfReach) as problem:
            self._log.warn(
                "call={call} no media for the {side}: {problem}", call=self.call, side=self.name, problem=problem
            )
            return None

    def _aim(self) -> None:
        """Let the other party's media go where this party is now."""
        if self._closed:
            return
        if self._guard is not None:
            send, destination = self._guard.way if self.direction in _LISTENING else (None, None)
            self.far.arriving.aim(send, destination)
            return
        self.far.arriving.aim(*(self.mediaWay if self.direction in _LISTENING else (None, None)))

    @property
    def mediaWay(self) -> tuple[SendTo | None, Source | None]:
        """How and where RTP reaches our party, as the signalling or its own packets say; for a L{MediaFilter} too."""
        destination, also = self._latch.destination, self._latch.alsoAt
        pair = self.pairFor(destination)
        if pair is None or also is None:
            return (None, None) if pair is None else (pair.rtp.sendto, destination)
        if self._twice is None or (self._twice.send, self._twice.also) != (pair.rtp.sendto, also):
            self._twice = Twice(pair.rtp.sendto, also)
        return self._twice, destination

    def transmit(self, datagram: bytes, destination: Source, atControl: bool) -> None:
        """Send a datagram that is neither RTP nor RTCP, for a L{MediaFilter}."""
        pair = self.pairFor(destination)
        if pair is None:
            return
        try:
            (pair.rtcp if atControl else pair.rtp).sendto(datagram, destination)
        except OSError:
            self.far.arriving.dropped["unsendable"] += 1

    def found(self, source: Source) -> None:
        """A L{MediaFilter} has verified that the party is at C{source}."""
        self._entrance.adopt(source, isProved=True)
        self._aim()

    @property
    def muxed(self) -> bool:
        """Does our party have RTP and RTCP at one port (RFC 5761)?"""
        return self.remote is not None and self.remote.rtcp is not None and self.remote.rtcp == self.remote.address

    def isShown(self, source: Source) -> bool:
        """Does the signalling show that the party may be at that host?"""
        return self._latch.rankOf(source) is not Rank.NOTHING

    @property
    def signalled(self) -> TransportAddress | None:
        """Where our party said that it is."""
        return self._latch.signalled

    def sendControl(self, datagram: bytes) -> None:
        """RTCP for our party."""
        (self.control.send if self._guard is None else self._guard.sendControl)(datagram)


def _sentBy(theirs: tuple[Codec, ...], ours: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """By our numbers, as they should (RFC 3264 section 6.1), or by their own, as some do."""
    taken = {codec.payloadType for codec in ours}
    return ours + tuple(codec for codec in theirs if codec.payloadType not in taken)
