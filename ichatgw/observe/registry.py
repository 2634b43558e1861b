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
    MediaStarted,
    MediaStats,
    Message,
    TrailBegan,
    TurnedAway,
)
from ichatgw.observe.knowncall import KnownCall, KnownLeg
from ichatgw.observe.messages import Marked, Messages
from ichatgw.observe.snapshots import CallSnapshot, Rung, turnedAway
from ichatgw.observe.stream import Events
from ichatgw.runtime.nulls import unheard

MAX_RUNGS = 500
"""Entries in the ladder of one call."""

CALL_OCTETS = 256 * 1024
"""Octets that they take at most, as they come."""

HISTORY_OCTETS = 64 * 1024 * 1024
"""Octets that all calls take, packed or not (L{ichatgw.observe.packing})."""

MAX_EARLY = 2000
"""Messages that are kept for a call that may be made of them."""

EARLY_OCTETS = 4 * 1024 * 1024
"""Octets that these take."""

_OVERHEAD = 400
"""Octets that an entry takes beside its message."""


@define(eq=False)
class LiveCalls:
    """
    Reads the stream, and answers who is and was in which call.

    Its memory is bounded, whatever comes: in the number of calls that are over, in the length of one ladder and of all
    together.  The oldest calls go first.  Those that are over are packed if something sees to it.

    @ivar messages: collects those of all calls, and tells to which call each belongs.
    @ivar most: how many calls that are over are kept.
    @ivar listeners: told of each call that is over.
    @ivar loose: called with the name of a call that is over and could be packed, see L{pack}.
    """

    _clock: IReactorTime
    messages: Messages
    most: int = 1000
    listeners: list[Callable[[CallSnapshot], object]] = field(factory=list, init=False)
    loose: Callable[[str], object] = field(default=unheard, init=False)
    _live: dict[str, KnownCall] = field(factory=dict, init=False)
    _past: OrderedDict[str, KnownCall] = field(factory=OrderedDict, init=False)
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
        """Those that are over, the latest first; likewise.  They may be without the figures over time."""
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
        known = (self._upToDate(name) for name in names)
        return (call.snapshot(self._clock.seconds(), isWhole=False) for call in known if call is not None)

    def _upToDate(self, call: str) -> KnownCall | None:
        self.messages.flush()
        return self._of(call)

    def _of(self, call: str) -> KnownCall | None:
        return self._live.get(call) or self._past.get(call)

    def pack(self, name: str) -> None:
        """Make what is kept of a call small, if it is over and not forgotten yet."""
        call = self._past.get(name)
        if call is not None:
            self._octets -= call.held
            call.pack()
            self._octets += call.held

    # What happens

    def _arrived(self, event: CallArrived) -> None:
        call = self._live[event.call] = KnownCall(event)
        call.legs[event.leg] = KnownLeg(event.leg, "caller", event.kind, event.caller, "calling")
        self._add(call, event.leg, event)

    def _routed(self, event: CallRouted) -> None:
        call = self._note(event, event.leg)
        if call is not None:
            call.route = event

    def _legStarted(self, event: LegStarted) -> None:
        call = self._note(event, event.leg)
        if call is not None:
            state = "talking" if call.answeredAt is not None else "calling"
            call.legs[event.leg] = KnownLeg(event.leg, event.role, event.kind, event.party, state)
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
        self.loose(event.call)
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
            call.of(event.side).measured(event)

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

    def _note(self, event: CallEvent, leg: str = "") -> KnownCall | None:
        """Something happens to a call; C{None} if that is not known."""
        call = self._live.get(event.call) or self._past.get(event.call)
        if call is not None:
            self._add(call, leg, event)
        return call

    def _add(self, call: KnownCall, leg: str, event: Event, octets: int = 0) -> None:
        octets += _OVERHEAD
        isFull = call.entries >= MAX_RUNGS or call.octets + octets > CALL_OCTETS
        if isFull or (self._octets + octets > HISTORY_OCTETS and not self._hasRoom(call, octets)):
            call.omitted += 1
            return
        if call.packed and not call.ladder:
            self.loose(call.arrival.call)
        call.add(leg, event, octets)
        self._octets += octets

    def _hasRoom(self, call: KnownCall, octets: int) -> bool:
        """Is there room for more of that call, once older ones are forgotten?"""
        while self._octets + octets > HISTORY_OCTETS and self._past:
            if next(iter(self._past.values())) is call:
                return False
            self._forget()
        return self._octets + octets <= HISTORY_OCTETS

    def _forget(self) -> None:
        _, oldest = self._past.popitem(last=False)
        self._octets -= oldest.held

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

    def _adopt(self, call: KnownCall, leg: str, trail: str) -> None:
        """What came before the call was known."""
        for message in self._dropEarly(trail):
            self._add(call, leg, message, len(message.data))
