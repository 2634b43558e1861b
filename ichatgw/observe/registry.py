# -*- test-case-name: ichatgw.test.observe.test_registry,ichatgw.test.observe.records.test_fields,ichatgw.test.control.test_calls,ichatgw.test.jingle.test_setup -*-  # noqa: E501
"""
The calls that live, and the last of those that lived, with their ladders.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from ichatgw.model import Ending
from ichatgw.observe.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallEvent,
    CallRang,
    CallRouted,
    DtlsState,
    Event,
    IceState,
    LegEnded,
    LegStarted,
    MediaEvent,
    MediaStarted,
    MediaStats,
    Message,
    TrailBegan,
    TurnedAway,
)
from ichatgw.observe.messages import Marked, Messages
from ichatgw.observe.snapshots import CallSnapshot, LegSnapshot, MediaSnapshot, Rung, turnedAway
from ichatgw.observe.stream import Events

MAX_RUNGS = 500
"""Entries in the ladder of one call."""

CALL_OCTETS = 256 * 1024
"""Octets that they take at most."""

HISTORY_OCTETS = 64 * 1024 * 1024
"""Octets that the ladders of all calls take."""

MAX_EARLY = 2000
"""Messages that are kept for a call that may be made of them."""

EARLY_OCTETS = 4 * 1024 * 1024
"""Octets that these take."""

MAX_STATS = 360
"""Sets of figures that are kept of the media of one side: those of an hour."""

_OVERHEAD = 400
"""Octets that an entry takes beside its message."""


def sideOf(event: Event) -> str:
    """Whose side an event of media is about; empty for others."""
    return event.side if isinstance(event, MediaEvent) else ""


@define(eq=False)
class _Leg:
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
class _Media:
    """The media of one side, as it changes; see L{MediaSnapshot}."""

    startedAt: float | None = None
    stats: list[MediaStats] = field(factory=list)
    ice: str = ""
    encryption: str = ""

    def snapshot(self) -> MediaSnapshot:
        """As it is now."""
        latest = self.stats[-1] if self.stats else None
        return MediaSnapshot(self.startedAt, latest, tuple(self.stats), self.ice, self.encryption)


@define(eq=False)
class _Call:
    """One call, as it grows."""

    arrival: CallArrived
    route: CallRouted | None = field(default=None, init=False)
    legs: dict[str, _Leg] = field(factory=dict, init=False)
    media: dict[str, _Media] = field(factory=dict, init=False)
    rangAt: float | None = field(default=None, init=False)
    answeredAt: float | None = field(default=None, init=False)
    codecs: tuple[str, ...] = field(default=(), init=False)
    end: CallEnded | None = field(default=None, init=False)
    ladder: list[tuple[str, Event]] = field(factory=list, init=False)
    octets: int = field(default=0, init=False)
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

    def of(self, side: str) -> _Media:
        """The media of one side."""
        return self.media.setdefault(side, _Media())

    def rungs(self) -> tuple[Rung, ...]:
        """Its ladder, in order."""
        began = self.arrival.time
        roles = {leg.id: leg.role for leg in self.legs.values()}
        return tuple(
            Rung(event.time - began, leg, roles.get(leg) or sideOf(event), event)
            for leg, event in sorted(self.ladder, key=lambda each: each[1].time)
        )

    def snapshot(self, now: float) -> CallSnapshot:
        """As it is now."""
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
            media={side: media.snapshot() for side, media in self.media.items()},
            endedBy="" if end is None else end.by,
            ending=None if end is None else end.ending,
            omitted=self.omitted,
        )


@define(eq=False)
class LiveCalls:
    """
    Reads the stream, and answers who is and was in which call.

    Its memory is bounded, whatever comes: in the number of calls that are over, in the length of one ladder and of all
    together.  The oldest calls go first.

    @ivar messages: collects those of all calls, and tells to which call each belongs.
    @ivar most: how many calls that are over are kept.
    @ivar listeners: told of each call that is over.
    """

    _clock: IReactorTime
    messages: Messages
    most: int = 1000
    listeners: list[Callable[[CallSnapshot], object]] = field(factory=list, init=False)
    _live: dict[str, _Call] = field(factory=dict, init=False)
    _past: OrderedDict[str, _Call] = field(factory=OrderedDict, init=False)
    _early: OrderedDict[str, list[Message]] = field(factory=OrderedDict, init=False)
    _earlyCount: int = field(default=0, init=False)
    _earlyOctets: int = field(default=0, init=False)
    _octets: int = field(default=0, init=False)

    def read(self, events: Events) -> Callable[[], None]:
        """
        Keep what this stream says.

        @return: ends that.
        """
        readers: dict[type[Event], Callable[[Any], None]] = {
            CallArrived: self._arrived,
            CallRouted: self._routed,
            LegStarted: self._legStarted,
            TrailBegan: self._trailBegan,
            CallRang: self._rang,
            CallAnswered: self._answered,
            LegEnded: self._legEnded,
            CallEnded: self._ended,
            MediaStarted: self._mediaStarted,
            MediaStats: self._measured,
            IceState: self._connected,
            DtlsState: self._secured,
            TurnedAway: self._turnedAway,
        }
        ends = [events.subscribe(reader, kind) for kind, reader in readers.items()]
        self.messages.readers.append(self._said)

        def end() -> None:
            self.messages.readers.remove(self._said)
            for each in ends:
                each()

        return end

    # What is asked

    @property
    def live(self) -> Iterator[CallSnapshot]:
        """
        Those that live, the oldest first.  Each is made when it is asked for: who wants many spreads them over several
        turns of the reactor, in which some may end.
        """
        return self._snapshots(list(self._live))

    @property
    def past(self) -> Iterator[CallSnapshot]:
        """Those that are over, the latest first; likewise."""
        return self._snapshots(list(reversed(self._past)))

    @property
    def count(self) -> int:
        """How many live."""
        return len(self._live)

    def find(self, call: str) -> CallSnapshot | None:
        """The call of that name; C{None} if there is none (any more)."""
        found = self._upToDate(call)
        return None if found is None else found.snapshot(self._clock.seconds())

    def ladder(self, call: str) -> tuple[Rung, ...]:
        """All that was said and has happened in a call, in order; nothing if there is no such call."""
        found = self._upToDate(call)
        return () if found is None else found.rungs()

    def later(self, call: str) -> Callable[[], tuple[CallSnapshot, tuple[Rung, ...]]]:
        """
        What gives that call and its ladder at any later time, also when it is no longer kept here.

        @raise KeyError: if there is no such call.
        """
        found = self._of(call)
        if found is None:
            raise KeyError(call)

        def whole() -> tuple[CallSnapshot, tuple[Rung, ...]]:
            self.messages.flush()
            return found.snapshot(self._clock.seconds()), found.rungs()

        return whole

    def _snapshots(self, names: list[str]) -> Iterator[CallSnapshot]:
        return (found for name in names if (found := self.find(name)) is not None)

    def _upToDate(self, call: str) -> _Call | None:
        self.messages.flush()
        return self._of(call)

    def _of(self, call: str) -> _Call | None:
        return self._live.get(call) or self._past.get(call)

    # What happens

    def _arrived(self, event: CallArrived) -> None:
        call = self._live[event.call] = _Call(event)
        call.legs[event.leg] = _Leg(event.leg, "caller", event.kind, event.caller, "calling")
        self._add(call, event.leg, event)

    def _routed(self, event: CallRouted) -> None:
        call = self._note(event, event.leg)
        if call is not None:
            call.route = event

    def _legStarted(self, event: LegStarted) -> None:
        call = self._note(event, event.leg)
        if call is not None:
            state = "talking" if call.answeredAt is not None else "calling"
            call.legs[event.leg] = _Leg(event.leg, event.role, event.kind, event.party, state)
            for trail in event.trails:
                self._adopt(call, event.leg, trail)

    def _trailBegan(self, event: TrailBegan) -> None:
        call = self._of(event.call)
        if call is not None:
            leg = call.legs.get(event.leg)
            if leg is not None and event.kind:
                leg.kind = event.kind
            self._adopt(call, event.leg, event.trail)

    def _rang(self, event: CallRang) -> None:
        call = self._note(event, event.leg)
        if call is not None:
            call.setLeg(event.leg, "ringing")
            if call.rangAt is None:
                call.rangAt = event.time

    def _answered(self, event: CallAnswered) -> None:
        call = self._note(event, event.leg)
        if call is not None:
            for leg in call.legs:
                call.setLeg(leg, "talking")
            call.codecs = event.codecs
            if call.answeredAt is None:
                call.answeredAt = event.time

    def _legEnded(self, event: LegEnded) -> None:
        call = self._note(event, event.leg)
        if call is not None:
            call.setLeg(event.leg, "ended", event.ending)

    def _ended(self, event: CallEnded) -> None:
        call = self._live.pop(event.call, None)
        if call is None:
            return
        self._add(call, "", event)
        call.end = event
        self._past[event.call] = call
        if self.listeners:
            snapshot = call.snapshot(event.time)
            for listener in self.listeners:
                listener(snapshot)
        while len(self._past) > self.most:
            self._forget()

    def _mediaStarted(self, event: MediaStarted) -> None:
        call = self._note(event)
        if call is not None:
            call.of(event.side).startedAt = event.time - call.arrival.time

    def _turnedAway(self, event: TurnedAway) -> None:
        """It is told of as a call that has no name, and not kept: many may come at once."""
        if self.listeners:
            snapshot = turnedAway(event)
            for listener in self.listeners:
                listener(snapshot)

    def _measured(self, event: MediaStats) -> None:
        call = self._of(event.call)
        if call is not None:
            history = call.of(event.side).stats
            history.append(event)
            if len(history) > MAX_STATS:
                del history[0]

    def _connected(self, event: IceState) -> None:
        call = self._note(event)
        if call is not None:
            call.of(event.side).ice = f"{event.state} {event.text}"

    def _secured(self, event: DtlsState) -> None:
        call = self._note(event)
        if call is not None and event.state == "secured":
            call.of(event.side).encryption = event.text

    # Ladders

    def _said(self, messages: Sequence[Marked]) -> None:
        ownerOf, live = self.messages.trails.of, self._live
        for message, trail in messages:
            if not trail:
                continue
            owner = ownerOf(trail)
            if owner is None:
                self._keepEarly(trail, message)
                continue
            call = live.get(owner.call) or self._past.get(owner.call)
            if call is not None:
                self._add(call, owner.leg, message, len(message.data))

    def _note(self, event: CallEvent, leg: str = "") -> _Call | None:
        """Something happens to a call; C{None} if that is not known."""
        call = self._live.get(event.call) or self._past.get(event.call)
        if call is not None:
            self._add(call, leg, event)
        return call

    def _add(self, call: _Call, leg: str, event: Event, octets: int = 0) -> None:
        octets += _OVERHEAD
        ladder, ofCall, ofAll = call.ladder, call.octets + octets, self._octets + octets
        isFull = len(ladder) >= MAX_RUNGS or ofCall > CALL_OCTETS
        if isFull or (ofAll > HISTORY_OCTETS and not self._hasRoom(call, octets)):
            call.omitted += 1
            return
        ladder.append((leg, event))
        call.octets = ofCall
        self._octets += octets

    def _hasRoom(self, call: _Call, octets: int) -> bool:
        """Is there room for more of that call, once older ones are forgotten?"""
        while self._octets + octets > HISTORY_OCTETS and self._past:
            if next(iter(self._past.values())) is call:
                return False
            self._forget()
        return self._octets + octets <= HISTORY_OCTETS

    def _forget(self) -> None:
        _, oldest = self._past.popitem(last=False)
        self._octets -= oldest.octets

    def _keepEarly(self, trail: str, message: Message) -> None:
        kept = self._early.setdefault(trail, [])
        kept.append(message)
        self._earlyCount += 1
        self._earlyOctets += len(message.data)
        while self._earlyCount > MAX_EARLY or self._earlyOctets > EARLY_OCTETS:
            self._dropEarly(next(iter(self._early)))

    def _dropEarly(self, trail: str) -> list[Message]:
        dropped = self._early.pop(trail, [])
        self._earlyCount -= len(dropped)
        self._earlyOctets -= sum(len(message.data) for message in dropped)
        return dropped

    def _adopt(self, call: _Call, leg: str, trail: str) -> None:
        """What came before the call was known."""
        for message in self._dropEarly(trail):
            self._add(call, leg, message, len(message.data))
