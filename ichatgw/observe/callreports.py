# -*- test-case-name: ichatgw.test.observe.test_callreports -*-
"""
What calls publish to the stream of events.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from attrs import frozen

from ichatgw.interfaces import Arrival, IInboundLeg, ILeg
from ichatgw.model import Codec, Ending, EndReason
from ichatgw.observe.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallRang,
    CallRouted,
    LegEnded,
    LegStarted,
    Limit,
    Refused,
    Stall,
    TrailBegan,
)
from ichatgw.observe.stream import UNREAD, Events

GATEWAY = "the gateway"
"""Who has ended a call that no party has ended."""


@runtime_checkable
class Inside(Protocol):
    """
    The call that a leg within another one sees.

    @ivar outer: the other one.
    """

    outer: ILeg


@frozen
class Reports:
    """
    Makes events of calls, if they are read.

    @ivar events: the stream.
    """

    events: Events = UNREAD

    def arrived(self, call: str, leg: IInboundLeg, arrival: Arrival) -> None:
        """See L{CallArrived}."""
        events = self.events
        if events.isOn(CallArrived):
            who, names = arrival.party.uri, _names(arrival.offer.codecs)
            whom, source = arrival.called, arrival.source
            events.publish(CallArrived(*events.now(), call, leg.id, leg.kind, who, whom, source, names))
        if events.isOn(LegStarted):
            trails = (leg.trail,) if leg.trail else ()
            events.publish(LegStarted(*events.now(), call, leg.id, "caller", leg.kind, leg.party.uri, trails))

    def routed(self, call: str, leg: ILeg, caller: str, route: str) -> None:
        """See L{CallRouted}."""
        events = self.events
        if events.isOn(CallRouted):
            events.publish(CallRouted(*events.now(), call, leg.id, leg.kind, caller, route))
        self.joined(call, leg, "callee")

    def joined(self, call: str, leg: ILeg, role: str) -> None:
        """See L{LegStarted}."""
        events = self.events
        if events.isOn(LegStarted):
            trail = leg.trail if IInboundLeg.providedBy(leg) else ""
            trails = (trail,) if trail else ()
            events.publish(LegStarted(*events.now(), call, leg.id, role, leg.kind, leg.party.uri, trails))

    def rang(self, call: str, leg: ILeg) -> None:
        """See L{CallRang}."""
        events = self.events
        if events.isOn(CallRang):
            events.publish(CallRang(*events.now(), call, leg.id))

    def answered(self, call: str, leg: ILeg, codecs: tuple[Codec, ...]) -> None:
        """See L{CallAnswered}."""
        events = self.events
        if events.isOn(CallAnswered):
            events.publish(CallAnswered(*events.now(), call, leg.id, _names(codecs)))

    def left(self, call: str, leg: ILeg, ending: Ending | None) -> None:
        """See L{LegEnded}."""
        events = self.events
        if events.isOn(LegEnded):
            events.publish(LegEnded(*events.now(), call, leg.id, ending))

    def ended(self, call: str, by: str, ending: Ending, wasAnswered: bool) -> None:
        """See L{CallEnded}."""
        events = self.events
        if events.isOn(CallEnded):
            events.publish(CallEnded(*events.now(), call, by, ending, wasAnswered))

    def stalled(self, seconds: float, what: str) -> None:
        """See L{Stall}."""
        events = self.events
        if events.isOn(Stall):
            events.publish(Stall(*events.now(), seconds, what))

    def refused(self, call: str, leg: ILeg, arrival: Arrival, ending: Ending) -> None:
        """See L{Refused}; the call is over."""
        events = self.events
        if events.isOn(Refused):
            source = str(arrival.source or arrival.party.uri)
            events.publish(Refused(*events.now(), ending.reason, ending.text, source, call))
        if ending.reason is EndReason.CONGESTED and events.isOn(Limit):
            events.publish(Limit(*events.now(), "calls", ending.text))
        self.left(call, leg, ending)
        self.ended(call, GATEWAY, ending, wasAnswered=False)


def outermost(leg: ILeg) -> ILeg:
    """The leg that a call knows of those that contain C{leg}; itself, if none does."""
    while isinstance(leg.call, Inside):
        leg = leg.call.outer
    return leg


def follow(events: Events, leg: ILeg, trail: str) -> None:
    """
    The messages of C{leg} are known by C{trail} from now on, see L{TrailBegan}; it may be a leg within another one.
    """
    if events.isOn(TrailBegan):
        outer = outermost(leg)
        # What it is says most of a leg whose kind was not known; the SIP leg within an iChat's says nothing.
        kind = "" if leg is not outer and leg.kind == "sip" else leg.kind
        events.publish(TrailBegan(*events.now(), leg.call.id, outer.id, kind, trail))


def _names(codecs: tuple[Codec, ...]) -> tuple[str, ...]:
    return tuple(codec.name for codec in codecs)


UNREPORTED = Reports()
"""Takes the reports of calls that are not observed, and drops them."""
