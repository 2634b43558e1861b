# -*- test-case-name: ichatgw.test.calls,ichatgw.test.xmpp.test_stranded -*-
"""
The call: one small machine, two legs, no protocol.

A leg says C{ended} once; a call that has heard it of all its legs is closed.  A leg that stays silent is written off
after L{CLOSING_TIMEOUT}.

While it talks, one of its legs can be replaced by another (L{ichatgw.calls.transfer}); the other party stays where it
is.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.calls.machine import makeMachine
from ichatgw.calls.nulls import GONE
from ichatgw.calls.parties import CLOSING_TIMEOUT, Hooks, Parties, Partner, Switchboard
from ichatgw.interfaces import ICall, IChange, IInboundLeg, ILeg, IMessage, IOutboundLeg, IReferral, IRelay
from ichatgw.model import Ending, EndReason, Farewell, SessionDescription
from ichatgw.observe.callreports import UNREPORTED, Reports
from ichatgw.runtime.nulls import unheard

__all__ = ["CLOSING_TIMEOUT", "Call"]

_log = Logger()


@frozen
class Services:
    """
    What a call has of who has made it.

    @ivar switchboard: knows where a party that is referred to can be found.
    @ivar noted: told when C{farewells} of a call may have changed.
    @ivar reports: told of what happens.
    """

    switchboard: Switchboard | None = None
    noted: Callable[[Call], object] = unheard
    reports: Reports = UNREPORTED


ALONE = Services()


@implementer(ICall)
class Call:
    """
    A call between two legs.

    It owns the relay and gives it back when both legs are gone; it does not own the legs.  What fails inside one call
    (an exception of ours) is logged and ends that call only.

    Of a leg whose place another has taken, nothing counts but that it ends: it may live on for a moment.

    @ivar id: its name in logs.
    @ivar peer: see L{ICall}.
    @param closed: told when both legs are gone.
    """

    def __init__(
        self,
        id: str,
        caller: IInboundLeg,
        callee: IOutboundLeg,
        relay: IRelay,
        clock: IReactorTime,
        closed: Callable[[Call], None],
        services: Services = ALONE,
    ) -> None:
        self.id = id
        self._parties = Parties(
            self,
            caller,
            callee,
            relay,
            clock,
            Hooks(self._guarded, lambda: closed(self), lambda: services.noted(self)),
            services.switchboard,
            services.reports,
        )
        self.peer = self._parties.peer
        self._machine = makeMachine(self._parties)
        self._dead = False
        for leg, side in ((caller, relay.caller), (callee, relay.callee)):
            leg.call = self
            leg.side = side

    @property
    def caller(self) -> ILeg:
        """The leg that arrived, or has taken its place."""
        return self._parties.caller

    @property
    def callee(self) -> ILeg:
        """The leg that was dialled, or has taken its place."""
        return self._parties.callee

    def farewells(self) -> tuple[Farewell, ...]:
        """What would have to be said to its parties if we were gone."""
        return (*self.caller.farewells(), *self.callee.farewells())

    def start(self, offer: SessionDescription) -> None:
        """Let the callee's leg call, with the caller's offer."""
        self._guarded(self._machine.start, offer)

    def ringing(self, leg: ILeg) -> None:
        """See L{ICall}."""
        self._guarded(self._machine.ringing, leg)
        self._parties.hooks.noted()

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        """See L{ICall}."""
        self._guarded(self._machine.progressing, leg, answer)

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        """See L{ICall}."""
        self._guarded(self._machine.answered, leg, answer)
        self._parties.hooks.noted()

    def changed(self, leg: ILeg, change: IChange) -> None:
        """See L{ICall}."""
        if self._parties.has(leg):
            self._guarded(self._machine.changed, leg, change)
        else:
            change.refuse(GONE)

    def handed(self, leg: ILeg, message: IMessage) -> None:
        """See L{ICall}."""
        if self._parties.has(leg):
            self._guarded(self._machine.handed, leg, message)
        else:
            message.undeliverable()

    def referred(self, leg: ILeg, referral: IReferral) -> None:
        """See L{ICall}."""
        if self._parties.has(leg):
            self._guarded(self._machine.referred, leg, referral)
        else:
            referral.declined()

    def replace(self, old: ILeg, new: IInboundLeg, offer: SessionDescription) -> None:
        """
        Let a leg that has arrived take the place of one of the two, which is hung up.

        @param old: one that has been answered, or the callee's.
        @param new: it has a format in common with the party that stays.  It is answered, or hung up.
        @raise Congested: if no port is left for it.
        """
        new.side = self._parties.relay.another()
        new.call = self
        self._parties.open.add(new)
        self._guarded(self._machine.replace, old, new, offer)
        self._parties.hooks.noted()

    def suits(self, offer: SessionDescription) -> bool:
        """Has who makes that offer a format in common with the party that would stay?"""
        return self._parties.suits(offer)

    def partner(self, leg: ILeg) -> Partner | None:
        """See L{ichatgw.calls.parties.Joinable}."""
        return self._parties.partner(leg)

    def surrender(self, leg: ILeg, ending: Ending) -> None:
        """See L{ichatgw.calls.parties.Joinable}."""
        self._guarded(self._machine.surrender, leg, ending)

    def ended(self, leg: ILeg, ending: Ending) -> None:
        """See L{ICall}."""
        transfer = self._parties.transfer
        self._parties.reports.left(self.id, leg, ending)
        if not self._parties.has(leg):
            self._guarded(self._machine.left, leg)
        elif transfer is not None and leg is transfer.referrer:
            self._guarded(self._machine.referrerLeft, leg, ending)
        else:
            self._guarded(self._machine.ended, leg, ending)

    def strand(self, scheme: str, ending: Ending) -> None:
        """There is no way any more to parties with that scheme: if one of them is called now, it is given up."""
        leg = self._parties.awaited
        if leg is not None and leg.party.uri.startswith(f"{scheme}:"):
            self._guarded(leg.hangup, ending)
            if self._parties.awaited is leg:  # its party's last word is not worth waiting for
                leg.call.ended(leg, ending)

    def hangup(self, ending: Ending) -> None:
        """End both legs."""
        self._guarded(self._machine.hangup, ending)

    def _guarded(self, machineInput: Callable[..., None], *arguments: object) -> None:
        """
        Legs promise not to raise.  One that does must not take other calls along, nor leave this one half open.
        """
        if self._dead:
            return
        try:
            machineInput(*arguments)
        except Exception:
            _log.failure("call={call} failed inside; it is ended", call=self.id)
            self._abandon()

    def _abandon(self) -> None:
        """Inputs put off inside the one that raised are lost with it: do not wait for news of the legs."""
        self._dead = True
        ending = Ending(EndReason.FAILED, "internal error")
        self._parties.over(ending)
        for leg in tuple(self._parties.open):
            try:
                leg.hangup(ending)
            except Exception:
                _log.failure("call={call} leg={leg} could not even hang up", call=self.id, leg=leg.id)
        self._parties.finish()
