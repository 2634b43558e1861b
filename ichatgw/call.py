# -*- test-case-name: ichatgw.test.test_call -*-
"""
The call: one small machine, two legs, no protocol.

::

    idle --start--> calling --answered--> talking --ended--> closing --ended--> closed
                       |                                        ^
                       `------------- ended / hangup -----------'

A leg says C{ended} once; a call that has heard it twice is closed.  A leg that stays silent is written off after
L{CLOSING_TIMEOUT}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import define, field
from automat import TypeMachineBuilder
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.interfaces import ICall, ILeg, IRelay
from ichatgw.model import Ending, EndReason, SessionDescription, Tone

CLOSING_TIMEOUT = 40.0
"""Seconds a leg has for saying C{ended} after it was told to hang up; longer than any SIP transaction (32 s)."""

_log = Logger()


@implementer(ICall)
@define(eq=False)
class Nobody:
    """The call of a leg that no call has taken: nobody listens."""

    id: str = "-"

    def ringing(self, leg: ILeg) -> None:
        """Unheard."""

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        """Unheard."""

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        """Unheard."""

    def updated(self, leg: ILeg, offer: SessionDescription) -> None:
        """Unheard."""

    def agreed(self, leg: ILeg, answer: SessionDescription) -> None:
        """Unheard."""

    def refused(self, leg: ILeg, ending: Ending) -> None:
        """Unheard."""

    def info(self, leg: ILeg, tone: Tone) -> None:
        """Unheard."""

    def ended(self, leg: ILeg, ending: Ending) -> None:
        """Unheard."""


class CallInputs(Protocol):
    """What can happen to a call."""

    def start(self, offer: SessionDescription) -> None:
        """Let the callee's leg call."""

    def ringing(self, leg: ILeg) -> None:
        """A leg's news, see L{ICall}."""

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        """A leg's news, see L{ICall}."""

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        """A leg's news, see L{ICall}."""

    def updated(self, leg: ILeg, offer: SessionDescription) -> None:
        """A leg's news, see L{ICall}."""

    def agreed(self, leg: ILeg, answer: SessionDescription) -> None:
        """A leg's news, see L{ICall}."""

    def refused(self, leg: ILeg, ending: Ending) -> None:
        """A leg's news, see L{ICall}."""

    def info(self, leg: ILeg, tone: Tone) -> None:
        """A leg's news, see L{ICall}."""

    def ended(self, leg: ILeg, ending: Ending) -> None:
        """A leg's news, see L{ICall}."""

    def hangup(self, ending: Ending) -> None:
        """End both legs."""

    def writeOff(self) -> None:
        """A leg did not say C{ended} in time."""


@define(eq=False)
class Parties:
    """
    What the machine works on.

    @ivar closed: called once, when both legs are gone.
    @ivar open: the legs that have not said C{ended}.
    @ivar ending: the first ending heard: why the call is over.
    @ivar endedBy: at which end that was, for the log.
    """

    id: str
    caller: ILeg
    callee: ILeg
    relay: IRelay
    clock: IReactorTime
    closed: Callable[[], None]
    open: set[ILeg] = field(factory=set)
    ending: Ending | None = None
    endedBy: str = "the gateway"
    startedAt: float = 0.0
    answeredAt: float | None = None
    timer: IDelayedCall | None = None
    finished: bool = False

    def other(self, leg: ILeg) -> ILeg:
        """The leg at the far side of C{leg}."""
        return self.callee if leg is self.caller else self.caller

    def over(self, ending: Ending, by: ILeg | None = None) -> None:
        """Remember why, and who it was: the first ending counts."""
        if self.ending is None:
            self.ending = ending
            self.endedBy = "the gateway" if by is None else "the caller" if by is self.caller else "the callee"

    def wait(self, writeOff: Callable[[], None]) -> None:
        """Give the legs that are still open their time."""
        if self.timer is None:
            self.timer = self.clock.callLater(CLOSING_TIMEOUT, writeOff)

    def finish(self) -> None:
        """Both legs are gone: give back the ports, say so once.  What fails here must not keep the call alive."""
        if self.finished:
            return
        self.finished = True
        if self.timer is not None and self.timer.active():
            self.timer.cancel()
        self.timer = None
        try:
            self.relay.close()
        except Exception:
            _log.failure("call={call} its relay could not be closed", call=self.id)
        now = self.clock.seconds()
        ending = self.ending or Ending(EndReason.FAILED)
        _log.info(
            "call={call} ended by {by}: {reason}{text}, {talked}",
            by=self.endedBy,
            call=self.id,
            reason=ending.reason.name.lower(),
            text=f" {ending.text[:200]!r}" if ending.text else "",
            talked=f"talked {now - self.answeredAt:.1f} s" if self.answeredAt is not None else "not answered",
        )
        self.closed()


def _build() -> Callable[[Parties], CallInputs]:
    builder = TypeMachineBuilder(CallInputs, Parties)
    idle = builder.state("idle")
    calling = builder.state("calling")
    talking = builder.state("talking")
    closing = builder.state("closing")
    closed = builder.state("closed")

    for within in (CallInputs.updated, CallInputs.agreed, CallInputs.refused, CallInputs.info):
        for state in (idle, calling, closing, closed):
            state.upon(within).loop().returns(None)
    # Late news, lawful and of no consequence.
    for late in (CallInputs.ringing, CallInputs.progressing, CallInputs.answered):
        talking.upon(late).loop().returns(None)
        closing.upon(late).loop().returns(None)
        closed.upon(late).loop().returns(None)
    closing.upon(CallInputs.start).loop().returns(None)
    closing.upon(CallInputs.hangup).loop().returns(None)
    for nothing in (CallInputs.start, CallInputs.hangup, CallInputs.ended, CallInputs.writeOff):
        closed.upon(nothing).loop().returns(None)

    @idle.upon(CallInputs.start).to(calling)
    def start(call: CallInputs, parties: Parties, offer: SessionDescription) -> None:
        parties.callee.start(offer)

    @calling.upon(CallInputs.ringing).loop()
    def ringing(call: CallInputs, parties: Parties, leg: ILeg) -> None:
        _log.info("call={call} leg={leg} is ringing", call=parties.id, leg=leg.id)
        parties.other(leg).ring()

    @calling.upon(CallInputs.progressing).loop()
    def progressing(call: CallInputs, parties: Parties, leg: ILeg, answer: SessionDescription) -> None:
        parties.other(leg).progress(answer)

    @calling.upon(CallInputs.answered).to(talking)
    def answered(call: CallInputs, parties: Parties, leg: ILeg, answer: SessionDescription) -> None:
        parties.answeredAt = parties.clock.seconds()
        _log.info(
            "call={call} leg={leg} answered after {seconds:.1f} s",
            call=parties.id,
            leg=leg.id,
            seconds=parties.answeredAt - parties.startedAt,
        )
        parties.other(leg).answer(answer)

    @talking.upon(CallInputs.updated).loop()
    def updated(call: CallInputs, parties: Parties, leg: ILeg, offer: SessionDescription) -> None:
        _log.info(
            "call={call} leg={leg} is {direction} with {codecs}",
            call=parties.id,
            leg=leg.id,
            direction=offer.direction.value,
            codecs=" ".join(codec.name for codec in offer.codecs)[:80],
        )
        parties.other(leg).update(offer)

    @talking.upon(CallInputs.agreed).loop()
    def agreed(call: CallInputs, parties: Parties, leg: ILeg, answer: SessionDescription) -> None:
        parties.other(leg).agree(answer)

    @talking.upon(CallInputs.refused).loop()
    def refused(call: CallInputs, parties: Parties, leg: ILeg, ending: Ending) -> None:
        why = ending.text[:200]
        _log.info("call={call} leg={leg} goes on as before: {why!r}", call=parties.id, leg=leg.id, why=why)
        parties.other(leg).refuse(ending)

    @talking.upon(CallInputs.info).loop()
    def info(call: CallInputs, parties: Parties, leg: ILeg, tone: Tone) -> None:
        parties.other(leg).info(tone)

    @idle.upon(CallInputs.ended).to(closing)
    @calling.upon(CallInputs.ended).to(closing)
    @talking.upon(CallInputs.ended).to(closing)
    def endOther(call: CallInputs, parties: Parties, leg: ILeg, ending: Ending) -> None:
        _log.info(
            "call={call} leg={leg} ended: {reason} {text!r}",
            call=parties.id,
            leg=leg.id,
            reason=ending.reason.name.lower(),
            text=ending.text[:200],
        )
        parties.over(ending, leg)
        parties.open.discard(leg)
        parties.wait(call.writeOff)
        parties.other(leg).hangup(ending)

    @idle.upon(CallInputs.hangup).to(closing)
    @calling.upon(CallInputs.hangup).to(closing)
    @talking.upon(CallInputs.hangup).to(closing)
    def endBoth(call: CallInputs, parties: Parties, ending: Ending) -> None:
        parties.over(ending)
        parties.wait(call.writeOff)
        parties.caller.hangup(ending)
        parties.callee.hangup(ending)

    @closing.upon(CallInputs.ended).loop()
    def oneMore(call: CallInputs, parties: Parties, leg: ILeg, ending: Ending) -> None:
        parties.open.discard(leg)
        if not parties.open:
            call.writeOff()

    @closing.upon(CallInputs.writeOff).to(closed)
    def done(call: CallInputs, parties: Parties) -> None:
        for leg in parties.open:
            _log.error("call={call} leg={leg} never said that it ended; written off", call=parties.id, leg=leg.id)
        parties.open.clear()
        parties.finish()

    return builder.build()


_machine = _build()


@implementer(ICall)
class Call:
    """
    A call between two legs.

    It owns the relay and gives it back when both legs are gone; it does not own the legs.  What fails inside one call
    (an exception of ours) is logged and ends that call only.

    @ivar id: its name in logs.
    """

    def __init__(
        self,
        id: str,
        caller: ILeg,
        callee: ILeg,
        relay: IRelay,
        clock: IReactorTime,
        closed: Callable[[Call], None],
    ) -> None:
        self.id = id
        self.caller = caller
        self.callee = callee
        self._parties = Parties(id, caller, callee, relay, clock, lambda: closed(self), {caller, callee})
        self._parties.startedAt = clock.seconds()
        self._machine = _machine(self._parties)
        self._dead = False
        for leg, side in ((caller, relay.caller), (callee, relay.callee)):
            leg.call = self
            leg.side = side

    def start(self, offer: SessionDescription) -> None:
        """Let the callee's leg call, with the caller's offer."""
        self._guarded(self._machine.start, offer)

    def ringing(self, leg: ILeg) -> None:
        """See L{ICall}."""
        self._guarded(self._machine.ringing, leg)

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        """See L{ICall}."""
        self._guarded(self._machine.progressing, leg, answer)

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        """See L{ICall}."""
        self._guarded(self._machine.answered, leg, answer)

    def updated(self, leg: ILeg, offer: SessionDescription) -> None:
        """See L{ICall}."""
        self._guarded(self._machine.updated, leg, offer)

    def agreed(self, leg: ILeg, answer: SessionDescription) -> None:
        """See L{ICall}."""
        self._guarded(self._machine.agreed, leg, answer)

    def refused(self, leg: ILeg, ending: Ending) -> None:
        """See L{ICall}."""
        self._guarded(self._machine.refused, leg, ending)

    def info(self, leg: ILeg, tone: Tone) -> None:
        """See L{ICall}."""
        self._guarded(self._machine.info, leg, tone)

    def ended(self, leg: ILeg, ending: Ending) -> None:
        """See L{ICall}."""
        self._guarded(self._machine.ended, leg, ending)

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
