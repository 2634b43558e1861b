# -*- test-case-name: ichatgw.test.calls.test_switch,ichatgw.test.calls.test_switch_transfer,ichatgw.test.media.relay.test_direct,ichatgw.test.sip.leg.test_encryption,ichatgw.test.forwarding.test_calls -*-  # noqa: E501
"""
Where calls are made: an arriving leg, its route, the outbound leg and a relay become a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import Protocol

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.calls.call import Call, Services
from ichatgw.calls.journal import Journal
from ichatgw.calls.limits import Limits, sourceOfCalls
from ichatgw.calls.nulls import NoCall
from ichatgw.errors import CallError, Congested, NoCommonCodec, NoRoute
from ichatgw.interfaces import (
    Arrival,
    IArrivals,
    ICall,
    IDialer,
    IInboundLeg,
    ILeg,
    IMediaEngine,
    IOutboundLeg,
    IReferral,
    IRelay,
    Place,
)
from ichatgw.media.relay.direct import DirectRelay
from ichatgw.model import ANONYMOUS, Ending, EndReason, Party, TransportAddress
from ichatgw.net.networks import sourceOf
from ichatgw.observe.callreports import UNREPORTED, outermost

_PASSING = (EndReason.CONGESTED, EndReason.NO_LINK, EndReason.SHUTDOWN)
"""For these reasons a call is refused that may be tried again after L{RETRY_AFTER} seconds."""

RETRY_AFTER = 10
"""Seconds after which we ask a refused caller to try again."""

_log = Logger()


class Phase(Enum):
    """How far a switch is with its work."""

    OPEN = "it takes calls"
    DRAINING = "it takes no new calls, and those that are up end by themselves"
    STOPPING = "it ends its calls"


class Router(Protocol):
    """What the switch wants of a dial plan."""

    def translate(self, address: str) -> str:
        """
        @raise NoRoute: if no rule matches.
        """


@implementer(IArrivals)
class Switch(Service):
    """
    Joins an arriving leg to the leg it asks for.

    The switch owns the calls while they live, and nothing else: where an address leads is the dial plan's business,
    how a party is reached is its leg's, and what the two say to each other is the call's.

    Stopping is orderly: C{stopService} hangs up every call and fires when the last leg is gone.

    @ivar phase: whether calls are taken.
    @ivar dialers: URI scheme to the maker of legs of that kind.
    @ivar maxCalls: how many calls may live at once; 0 means as many as there are media ports.
    @ivar alwaysRelay: whether media passes here even if it could go from party to party.
    @ivar limits: further limits; none if not given.
    @ivar introduced: the caller as it is shown to the called party, from the caller and the address that is called.
    @ivar directed: where the call of a caller to an address goes, which leads to another one; raises L{Refused} if the
        caller may not call it.
    @ivar resident: the XMPP user whom we have registered at a SIP address, empty if there is none; for addresses that
        no rule knows.
    @ivar journal: keeps the calls that live, for the case that the process is killed; C{None} if none does.
    @ivar made: how many calls have arrived since the start.
    @ivar reports: told of what happens to calls.
    @ivar run: what the names of calls begin with, so that they differ from those of another run of the process.
    """

    introduced: Callable[[Party, str], Party] = staticmethod(lambda caller, route: caller)
    directed: Callable[[Party, str, str], str] = staticmethod(lambda caller, called, route: route)
    resident: Callable[[str], str] = staticmethod(lambda called: "")
    run = ""
    reports = UNREPORTED
    journal: Journal | None = None

    def __init__(
        self,
        clock: IReactorTime,
        plan: Router,
        media: IMediaEngine,
        dialers: Mapping[str, IDialer],
        maxCalls: int = 0,
        limits: Limits | None = None,
    ) -> None:
        self._clock = clock
        self.plan = plan
        self._media = media
        self._dialers = dialers
        self.maxCalls = maxCalls
        self.alwaysRelay = True
        self.limits = limits or Limits(clock)
        self._calls: dict[str, Call] = {}
        self.made = 0
        self.phase = Phase.OPEN
        self._isOverloaded: Callable[[], bool] = lambda: False
        self._emptied: list[Deferred[None]] = []

    def shed(self, isOverloaded: Callable[[], bool]) -> None:
        """Refuse new calls while C{isOverloaded} says that there is too much to do."""
        self._isOverloaded = isOverloaded

    def isFull(self, caller: Callable[[], Party], host: str) -> bool:
        """
        Would a call be refused for want of room, wherever it leads?

        @param caller: tells who calls; asked only if it depends on that.
        @param host: where the INVITE came from, an IP literal.
        """
        return bool(self.trouble) or self.limits.isSpent(caller, sourceOf(host))

    @property
    def trouble(self) -> str:
        """Why no call at all would be taken now, in words; empty if one would."""
        if self.phase is not Phase.OPEN:
            return _CLOSED[self.phase]
        if self.maxCalls and len(self._calls) >= self.maxCalls:
            return f"{len(self._calls)} calls are up, MaxCalls allows no more"
        if self.alwaysRelay and not self._media.hasRoom:
            return "no media port is free (MediaRelayPortRangeMin, MediaRelayPortRangeMax)"
        return "" if self.limits.hasRoom() else "memory is short"

    @property
    def calls(self) -> Iterable[Call]:
        """The calls that live now."""
        return tuple(self._calls.values())

    @property
    def live(self) -> int:
        """How many calls live now."""
        return len(self._calls)

    def find(self, call: str) -> Call | None:
        """The call of that name, if it lives."""
        return self._calls.get(call)

    def startService(self) -> None:
        """Take calls (again)."""
        self.phase = Phase.OPEN
        Service.startService(self)

    def arrived(self, leg: IInboundLeg, arrival: Arrival) -> None:
        """See L{IArrivals}.  Whatever is wrong ends the leg with the reason, in one log line."""
        self.made += 1
        callId = f"{self.run}{self.made:x}"
        if arrival.objection is not None:
            self.reports.arrived(callId, leg, arrival)
            self._refuse(callId, leg, arrival, arrival.objection)
        elif arrival.place is not None:
            self._replace(callId, leg, arrival, arrival.place)
        else:
            self._begin(callId, leg, arrival)

    def _begin(self, callId: str, leg: IInboundLeg, arrival: Arrival) -> None:
        self.reports.arrived(callId, leg, arrival)
        try:
            call = self._make(callId, leg, arrival)
        except CallError as refusal:
            self._refuse(callId, leg, arrival, _endingOf(refusal))
        except Exception:
            _log.failure("call={call} could not be made", call=callId)
            self._refuse(callId, leg, arrival, Ending(EndReason.FAILED, "internal error"))
        else:
            call.start(arrival.offer)
            self._noted(call)

    def _replace(self, callId: str, leg: IInboundLeg, arrival: Arrival, place: Place) -> None:
        leg.call = NoCall(callId)
        old = place(lambda leg: self.callOf(leg) is not None)
        call = None if old is None else self.callOf(old)
        if old is None or call is None:
            return
        try:
            if self.phase is Phase.STOPPING:
                raise _Closed(_CLOSED[self.phase])
            if not call.suits(arrival.offer):
                raise NoCommonCodec("the party that stays has no such format")
            self.limits.admit(call.id, arrival.party)
            self.limits.spend(arrival.party, sourceOfCalls(arrival.party))
            _log.info(
                "call={call} leg={leg} of {caller!r} replaces leg={old}",
                call=call.id,
                leg=leg.id,
                caller=arrival.party.uri[:200],
                old=old.id,
            )
            call.replace(outermost(old), leg, arrival.offer)
        except CallError as refusal:
            self.reports.arrived(callId, leg, arrival)
            self._refuse(callId, leg, arrival, _endingOf(refusal))

    def callOf(self, leg: ILeg) -> Call | None:
        """See L{ichatgw.calls.parties.Switchboard}."""
        leg = outermost(leg)
        call = self._calls.get(leg.call.id)
        return call if call is leg.call and call is not None and leg in (call.caller, call.callee) else None

    def connect(self, call: ICall, peer: ILeg, referral: IReferral) -> IOutboundLeg:
        """See L{ichatgw.calls.parties.Switchboard}: where a transfer leads is decided as for any other call."""
        if self.phase is Phase.STOPPING:
            raise _Closed(_CLOSED[self.phase])
        self.limits.admit(call.id, peer.party)
        route, dialer = self._route(referral.called)
        route = self.directed(peer.party, referral.called, route)
        self.limits.spend(peer.party, sourceOfCalls(peer.party))
        caller = evolve(peer.party, referredBy=referral.by)
        leg = dialer.dial(route, self.presented(caller, route))
        referral.dialled(leg)
        _log.info(
            "call={call} leads on to {called!r} as {route!r} leg={leg}",
            call=call.id,
            called=referral.called[:200],
            route=route[:200],
            leg=leg.id,
        )
        return leg

    def exchanged(self, call: ICall) -> None:
        """See L{ichatgw.calls.parties.Switchboard}."""
        made = self._calls.get(call.id)
        if made is not None:
            self.limits.move(call.id, made.caller.party)

    def translate(self, called: str) -> str:
        """
        The address that C{called} stands for.

        @raise NoRoute: if no rule and no registration leads anywhere.
        """
        try:
            return self.plan.translate(called)
        except NoRoute:
            user = self.resident(called)
            if not user:
                raise
            return f"xmpp:{user}"

    def _route(self, called: str) -> tuple[str, IDialer]:
        route = self.translate(called)
        dialer = self._dialers.get(route.partition(":")[0])
        if dialer is None:
            raise NoRoute(f"nothing here dials {route[:100]!r}")
        return route, dialer

    def drain(self) -> Deferred[None]:
        """
        Refuse new calls from now on; those that are up go on, and may be transferred.  Fires when no call is left.
        """
        if self.phase is Phase.OPEN:
            self.phase = Phase.DRAINING
        return self._whenEmpty()

    def stopService(self) -> Deferred[None]:
        """Refuse new calls, hang up the live ones.  Fires when no call is left."""
        Service.stopService(self)
        self.phase = Phase.STOPPING
        if self._calls:
            _log.info("Ending {count} calls", count=len(self._calls))
        for call in self.calls:
            call.hangup(Ending(EndReason.SHUTDOWN, _CLOSED[Phase.STOPPING]))
        return self._whenEmpty()

    def _whenEmpty(self) -> Deferred[None]:
        emptied: Deferred[None] = Deferred()
        self._emptied.append(emptied)
        self._checkEmptied()
        return emptied

    def _make(self, callId: str, leg: IInboundLeg, arrival: Arrival) -> Call:
        if self.phase is not Phase.OPEN:
            raise _Closed(_CLOSED[self.phase])
        if self._isOverloaded():
            raise Congested("there is too much to do for another call")
        if self.maxCalls and len(self._calls) >= self.maxCalls:
            raise Congested(f"{len(self._calls)} calls are up, MaxCalls allows no more")
        self.limits.begin(callId, arrival.party)
        route, dialer = self._route(arrival.called)
        route = self.directed(arrival.party, arrival.called, route)
        self.limits.spend(arrival.party, sourceOfCalls(arrival.party))
        relay = self._relayFor(callId, arrival.direct, route)
        call = None
        try:
            presented = self.presented(arrival.party, route)
            callee = dialer.dial(route, presented)
            self.reports.routed(callId, callee, presented.uri, route)
            services = Services(self, self._noted, self.reports)
            call = Call(callId, leg, callee, relay, self._clock, self._closed, services)
        finally:
            if call is None:
                relay.close()
        self._calls[callId] = call
        _log.info(
            "call={call} from {caller!r} leg={callerLeg} to {called!r} as {route!r} leg={calleeLeg}",
            call=callId,
            callerLeg=leg.id,
            calleeLeg=callee.id,
            route=route[:200],
            **_ends(arrival),
        )
        return call

    def _relayFor(self, callId: str, direct: TransportAddress | None, route: str) -> IRelay:
        """
        @raise Congested: if there is no room for another call.
        """
        if not self.alwaysRelay and route.startswith("sip") and direct is not None:
            return DirectRelay(callId, direct, partial(self._media.allocate, callId))
        return self._media.allocate(callId)

    def presented(self, caller: Party, route: str) -> Party:
        """
        The caller under an address that can be called back: towards SIP an XMPP user has the one that the rules give,
        if any.  XMPP cannot say that a caller does not want to be shown, so such a caller has no name there.
        """
        caller = self.introduced(caller, route)
        if route.startswith("xmpp:"):
            return evolve(caller, uri=ANONYMOUS.uri, name=ANONYMOUS.name, referredBy="") if caller.private else caller
        if caller.uri.startswith("xmpp:"):
            with suppress(NoRoute):
                translated = self.plan.translate(caller.uri)
                if translated.startswith("sip"):
                    return evolve(caller, uri=translated)
        return caller

    def _refuse(self, callId: str, leg: IInboundLeg, arrival: Arrival, ending: Ending) -> None:
        _log.info(
            "call={call} from {caller!r} to {called!r} leg={leg} refused: {reason} {text!r}",
            call=callId,
            leg=leg.id,
            reason=ending.reason.name.lower(),
            text=ending.text[:200],
            **_ends(arrival),
        )
        self.limits.end(callId)
        leg.call = NoCall(callId)
        leg.hangup(ending)
        self.reports.refused(callId, leg, arrival, ending)

    def _noted(self, call: Call) -> None:
        if self.journal is not None and call.id in self._calls:
            self.journal.changed(call.id, call.farewells)

    def _closed(self, call: Call) -> None:
        self._calls.pop(call.id, None)
        if self.journal is not None:
            self.journal.over(call.id)
        self.limits.end(call.id)
        self._checkEmptied()

    def _checkEmptied(self) -> None:
        if not self._calls:
            emptied, self._emptied = self._emptied, []
            for each in emptied:
                each.callback(None)


class _Closed(CallError):
    reason = EndReason.SHUTDOWN


_CLOSED = {
    Phase.DRAINING: "the gateway is draining: it takes no new calls",
    Phase.STOPPING: "the gateway is stopping",
}


def _endingOf(refusal: CallError) -> Ending:
    return Ending(refusal.reason, str(refusal), RETRY_AFTER if refusal.reason in _PASSING else None)


def _ends(arrival: Arrival) -> dict[str, str]:
    return {"caller": arrival.party.uri[:200], "called": arrival.called[:200]}
