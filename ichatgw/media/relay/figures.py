# -*- test-case-name: ichatgw.test.media.relay.test_figures,ichatgw.test.media.relay.test_rtcprelay -*-
"""
Figures of what one party sends, for those who watch calls.

They cost nothing for a packet: losses are seen by how far the numbers of the stream have gone, and how the stream is
heard beyond us by what its hearer reports.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from attrs import define, field

from ichatgw.errors import MalformedError
from ichatgw.media.relay.flow import Flow
from ichatgw.media.rtp.reports import Report, readReports
from ichatgw.media.sockets.port import Source
from ichatgw.model import TransportAddress
from ichatgw.net.hosts import literal
from ichatgw.observe.events import MediaEvent, MediaStarted, MediaStats, ReportReceived
from ichatgw.observe.stream import Events

STATS_LOOKS = 100
"""After so many looks figures are published: 10 seconds."""

MAX_SENT = 4
"""How many sender reports are remembered, for the round trip."""


class Far(Protocol):
    """The other side."""

    @property
    def arriving(self) -> Flow:
        """What its party sends."""

    @property
    def figures(self) -> Figures:
        """Those of its party."""


class Watched(Protocol):
    """
    See L{Side<ichatgw.media.relay.side.Side>}.

    @ivar arriving: what the party sends.
    @ivar events: the stream.
    """

    arriving: Flow
    events: Events

    @property
    def far(self) -> Far:
        """The other side."""

    def shownTo(self, source: Source) -> TransportAddress | None:
        """Where the party at C{source} sends RTP; C{None} if that is not known."""

    def tell(self, kind: type[MediaEvent], *what: object) -> None:
        """Publish an event of that kind."""


@define(eq=False)
class Figures:
    """
    Those of the party of C{side}.

    @ivar jitter: seconds, as its hearer has reported last.
    @ivar lostBeyond: packets, likewise.
    @ivar roundTrip: seconds to the hearer and back.
    """

    _side: Watched | None
    jitter: float | None = field(default=None, init=False)
    lostBeyond: int | None = field(default=None, init=False)
    roundTrip: float | None = field(default=None, init=False)
    _looks: int = field(default=0, init=False)
    _advance: int = field(default=0, init=False)
    # Where the stream was at the last look at its numbers, and at the first.
    _sequence: int | None = field(default=None, init=False)
    _atFirst: int = field(default=0, init=False)
    _sent: OrderedDict[int, float] = field(factory=OrderedDict, init=False)

    def began(self) -> None:
        """The first packet of the party is about to be relayed."""
        if self._side is not None:
            self._side.tell(MediaStarted, addressOf(self._side.arriving.source))

    def letGo(self) -> None:
        """The side is closed."""
        self._side = None

    def look(self) -> None:
        """To be called at each look at the side."""
        self._looks += 1
        if self._sequence is None:
            self._count()
        elif self._looks >= STATS_LOOKS:
            self.publish()

    def publish(self, isLast: bool = False) -> None:
        """Say what has come of the stream so far, if anything has."""
        self._looks = 0
        side = self._side
        if side is None or not (side.arriving.relayed or side.arriving.dropped):
            return
        self._count()
        flow = side.arriving
        lost = self._advance - (accounted(flow) - self._atFirst)
        side.tell(
            MediaStats,
            flow.relayed,
            flow.octets,
            max(0, lost),
            self.jitter,
            self.lostBeyond,
            self.roundTrip,
            tuple(flow.dropped.items()),
            addressOf(flow.source),
            isLast,
            flow.jitter.value,
        )

    def _count(self) -> None:
        side = self._side
        if side is None or not side.arriving.relayed:
            return
        now = side.arriving.lastSequence
        if self._sequence is None:
            self._atFirst = accounted(side.arriving)
        else:
            self._advance += (now - self._sequence) & 0xFFFF
        self._sequence = now

    def took(self, datagram: bytes, source: Source) -> None:
        """RTCP of the party has come, and is valid."""
        side = self._side
        if side is None:
            return
        if side.events.isOn(ReportReceived):
            side.tell(ReportReceived, datagram, addressOf(source), side.shownTo(source))
        if not side.events.isOn(MediaStats):
            return
        try:
            reports = readReports(datagram)
        except MalformedError:
            return
        now = side.events.now()[0]
        if reports.sent is not None:
            self._sent[reports.sent] = now
            if len(self._sent) > MAX_SENT:
                self._sent.popitem(last=False)
        for report in reports.heard:
            if report.ssrc == side.far.arriving.shown:
                side.far.figures.heardBeyond(report, now)

    def heardBeyond(self, report: Report, now: float) -> None:
        """The receiver of the party's media has reported its quality."""
        if self._side is None:
            return
        self.jitter = report.jitter / self._side.arriving.clockRate
        self.lostBeyond = max(0, report.lost)
        sent = self._sent.get(report.lastReport)
        if sent is not None:
            self.roundTrip = max(0.0, now - sent - report.delay)


def accounted(flow: Flow) -> int:
    """How many numbers of the stream are accounted for."""
    return flow.fed + flow.undelivered


def addressOf(source: Source | None) -> TransportAddress | None:
    """The source of a packet as a L{TransportAddress}, without the zone of an IPv6 address."""
    return None if source is None else literal(source[0].partition("%")[0], source[1])
