# -*- test-case-name: ichatgw.test.observe.test_registry,ichatgw.test.observe.test_packing -*-
"""
What is known of one call, as it grows.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

from ichatgw.model import Ending
from ichatgw.observe.compact import Entry, compacted, expanded
from ichatgw.observe.events import CallArrived, CallEnded, CallRouted, Event, MediaEvent, MediaStats
from ichatgw.observe.snapshots import CallSnapshot, LegSnapshot, MediaSnapshot, Rung

MAX_STATS = 360
"""Sets of figures that are kept of the media of one side: those of an hour."""

PACKED_OCTETS = 2500
"""Octets that a call takes whose ladder is packed, beside it."""


def sideOf(event: Event) -> str:
    """Whose side an event of media is about; empty for others."""
    return event.side if isinstance(event, MediaEvent) else ""


@define(eq=False)
class KnownLeg:
    """One leg, as it changes; see L{LegSnapshot}.  (A frozen value for each change would take ten times as long.)"""

    id: str
    role: str
    kind: str
    party: str
    state: str
    ending: Ending | None = None

    def snapshot(self) -> LegSnapshot:
        """As it is now."""
        return LegSnapshot(self.id, self.role, self.kind, self.party, self.state, self.ending)


@define(eq=False)
class KnownMedia:
    """
    The media of one side, as it changes; see L{MediaSnapshot}.

    @ivar stats: the figures, the oldest first; of a packed call the latest only.
    @ivar packed: those before, if it is packed.
    """

    startedAt: float | None = None
    stats: list[MediaStats] = field(factory=list)
    packed: bytes = b""
    ice: str = ""
    encryption: str = ""

    def measured(self, stats: MediaStats) -> None:
        """Keep these figures, and of those before the latest ones."""
        self.stats.append(stats)
        if len(self.stats) > MAX_STATS:
            del self.stats[0]

    def pack(self) -> int:
        """
        Make the figures small.

        @return: how many octets the packed ones have.
        """
        if len(self.stats) > 1:
            self.packed = compacted([("", each) for each in self._all()[:-1]])
            del self.stats[:-1]
        return len(self.packed)

    def _all(self) -> list[Any]:
        older = [each for _, each in expanded(self.packed)] if self.packed else []
        return older + self.stats

    def snapshot(self, isWhole: bool) -> MediaSnapshot:
        """As it is now; with all figures if C{isWhole}."""
        latest = self.stats[-1] if self.stats else None
        history = tuple(self._all() if isWhole else self.stats)
        return MediaSnapshot(self.startedAt, latest, history, self.ice, self.encryption)


@define(eq=False)
class KnownCall:
    """
    One call, as it grows.

    @ivar ladder: the entries of its ladder that are not packed.
    @ivar packed: those before.
    @ivar entries: how many there are of both.
    @ivar octets: that these have or had as they came.
    @ivar held: octets that the call takes now.
    @ivar omitted: entries that were not kept.
    """

    arrival: CallArrived
    route: CallRouted | None = field(default=None, init=False)
    legs: dict[str, KnownLeg] = field(factory=dict, init=False)
    media: dict[str, KnownMedia] = field(factory=dict, init=False)
    rangAt: float | None = field(default=None, init=False)
    answeredAt: float | None = field(default=None, init=False)
    codecs: tuple[str, ...] = field(default=(), init=False)
    end: CallEnded | None = field(default=None, init=False)
    ladder: list[Entry] = field(factory=list, init=False)
    packed: list[bytes] = field(factory=list, init=False)
    entries: int = field(default=0, init=False)
    octets: int = field(default=0, init=False)
    held: int = field(default=0, init=False)
    omitted: int = field(default=0, init=False)

    @property
    def state(self) -> str:
        """See L{CallSnapshot}."""
        if self.end is not None:
            return "ended"
        if self.answeredAt is not None:
            return "talking"
        if self.rangAt is not None:
            return "ringing"
        return "arrived" if self.route is None else "calling"

    def setLeg(self, leg: str, state: str, ending: Ending | None = None) -> None:
        """One of the legs is in that state now."""
        known = self.legs.get(leg)
        if known is not None and known.state != "ended":
            known.state, known.ending = state, ending

    def of(self, side: str) -> KnownMedia:
        """The media of one side."""
        return self.media.setdefault(side, KnownMedia())

    def add(self, leg: str, event: Event, octets: int) -> None:
        """Another entry of its ladder, which takes so many octets."""
        self.ladder.append((leg, event))
        self.entries += 1
        self.octets += octets
        self.held += octets

    def pack(self) -> None:
        """Make what is kept of it small.  It can be told as before, and more can come."""
        if self.ladder:
            self.packed.append(compacted(self.ladder))
            self.ladder.clear()
        self.held = PACKED_OCTETS + sum(map(len, self.packed)) + sum(media.pack() for media in self.media.values())

    def rungs(self) -> tuple[Rung, ...]:
        """Its ladder, in order."""
        began = self.arrival.time
        roles = {leg.id: leg.role for leg in self.legs.values()}
        entries = [entry for part in self.packed for entry in expanded(part)] + self.ladder
        return tuple(
            Rung(event.time - began, leg, roles.get(leg) or sideOf(event), event)
            for leg, event in sorted(entries, key=lambda each: each[1].time)
        )

    def snapshot(self, now: float, isWhole: bool = True) -> CallSnapshot:
        """As it is now; of a packed call with all figures over time only if C{isWhole}."""
        arrival, route, end = self.arrival, self.route, self.end
        began = arrival.time

        def after(at: float | None) -> float | None:
            return None if at is None else at - began

        return CallSnapshot(
            id=arrival.call,
            state=self.state,
            caller=arrival.caller,
            called=arrival.called,
            presented="" if route is None else route.caller,
            route="" if route is None else route.route,
            source=arrival.source,
            arrived=arrival.wall,
            rangAfter=after(self.rangAt),
            answeredAfter=after(self.answeredAt),
            endedAfter=None if end is None else end.time - began,
            age=(now if end is None else end.time) - began,
            offered=arrival.codecs,
            codecs=self.codecs,
            legs=tuple(leg.snapshot() for leg in self.legs.values()),
            media={side: media.snapshot(isWhole) for side, media in self.media.items()},
            endedBy="" if end is None else end.by,
            ending=None if end is None else end.ending,
            omitted=self.omitted,
        )
