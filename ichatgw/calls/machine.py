# -*- test-case-name: ichatgw.test.calls.test_call,ichatgw.test.calls.test_call_failures,ichatgw.test.calls.test_transfer_places,ichatgw.test.calls.test_transfer,ichatgw.test.sip.test_anything -*-  # noqa: E501
"""
The machine of a call.

::

    idle --start--> calling --answered--> talking --ended--> closing --ended--> closed
                       |                                        ^
                       `------------- ended / hangup -----------'

While it talks, one of its legs can be replaced by another; the party that stays is not disturbed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import evolve
from automat import TypeMachineBuilder
from twisted.logger import Logger

from ichatgw.calls.changes import Change
from ichatgw.calls.nulls import GONE
from ichatgw.calls.parties import Parties, common
from ichatgw.calls.transfer import begin
from ichatgw.interfaces import IChange, IInboundLeg, ILeg, IMessage, IReferral
from ichatgw.model import Direction, Ending, EndReason, SessionDescription
from ichatgw.runtime.machines import indexed

REPLACED = Ending(EndReason.HANGUP, "replaced by another party")
"""What a leg is told whose place another has taken."""

_log = Logger()


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

    def changed(self, leg: ILeg, change: IChange) -> None:
        """A leg's news, see L{ICall}."""

    def agreed(self, leg: ILeg, answer: SessionDescription) -> None:
        """What C{leg} says to the latest change of the other party."""

    def refused(self, leg: ILeg, ending: Ending) -> None:
        """That it does not go along with it."""

    def handed(self, leg: ILeg, message: IMessage) -> None:
        """A leg's news, see L{ICall}."""

    def referred(self, leg: ILeg, referral: IReferral) -> None:
        """A leg's news, see L{ICall}."""

    def targetAnswered(self, answer: SessionDescription) -> None:
        """The leg that was dialled for a referral is answered."""

    def targetEnded(self, ending: Ending) -> None:
        """The target of the transfer has ended before it answered."""

    def referrerLeft(self, leg: ILeg, ending: Ending) -> None:
        """The referring party has hung up before the target answered."""

    def replace(self, old: ILeg, new: IInboundLeg, offer: SessionDescription) -> None:
        """C{new}, which has arrived with C{offer}, takes the place of C{old}."""

    def surrender(self, leg: ILeg, ending: Ending) -> None:
        """Another call has C{leg} now; this one is over."""

    def ended(self, leg: ILeg, ending: Ending) -> None:
        """A leg's news, see L{ICall}."""

    def left(self, leg: ILeg) -> None:
        """A leg that is none of the two parties' has ended."""

    def hangup(self, ending: Ending) -> None:
        """End both legs."""

    def writeOff(self) -> None:
        """A leg did not say C{ended} in time."""


def _build() -> Callable[[Parties], CallInputs]:  # noqa: C901  (a whole machine: its states and inputs)
    builder = TypeMachineBuilder(CallInputs, Parties)
    idle = builder.state("idle")
    calling = builder.state("calling")
    talking = builder.state("talking")
    closing = builder.state("closing")
    closed = builder.state("closed")

    for state in (closing, closed):
        state.upon(CallInputs.changed).loop().returns(None)
    for within in (CallInputs.agreed, CallInputs.refused):
        for state in (idle, calling, closing, closed):
            state.upon(within).loop().returns(None)
    # Late news, lawful and of no consequence.
    for late in (CallInputs.ringing, CallInputs.progressing, CallInputs.answered):
        talking.upon(late).loop().returns(None)
        closing.upon(late).loop().returns(None)
        closed.upon(late).loop().returns(None)
    closing.upon(CallInputs.start).loop().returns(None)
    closing.upon(CallInputs.hangup).loop().returns(None)
    for nothing in (CallInputs.start, CallInputs.hangup, CallInputs.ended, CallInputs.left, CallInputs.writeOff):
        closed.upon(nothing).loop().returns(None)
    for state in (idle, calling, closing, closed):
        state.upon(CallInputs.targetAnswered).loop().returns(None)
        state.upon(CallInputs.targetEnded).loop().returns(None)
    for state in (idle, calling, closed):
        state.upon(CallInputs.referrerLeft).loop().returns(None)
    for state in (idle, calling, closing, closed):
        state.upon(CallInputs.surrender).loop().returns(None)

    @idle.upon(CallInputs.start).to(calling)
    def start(call: CallInputs, parties: Parties, offer: SessionDescription) -> None:
        parties.offer = offer
        parties.dialled.start(offer)

    @calling.upon(CallInputs.ringing).loop()
    def ringing(call: CallInputs, parties: Parties, leg: ILeg) -> None:
        if leg not in parties.rung:
            parties.rung.add(leg)
            _log.info("call={call} leg={leg} {party!r:.120} is ringing", **parties.names(leg))
            parties.reports.rang(parties.id, leg)
        parties.arrived.ring()

    @calling.upon(CallInputs.progressing).loop()
    def progressing(call: CallInputs, parties: Parties, leg: ILeg, answer: SessionDescription) -> None:
        parties.arrived.progress(answer)

    @calling.upon(CallInputs.answered).to(talking)
    def answered(call: CallInputs, parties: Parties, leg: ILeg, answer: SessionDescription) -> None:
        parties.answeredAt = parties.clock.seconds()
        _log.info(
            "call={call} leg={leg} {party!r:.120} answered after {seconds:.1f} s",
            seconds=parties.answeredAt - parties.startedAt,
            **parties.names(leg),
        )
        parties.agreed = answer.codecs
        parties.reports.answered(parties.id, leg, answer.codecs)
        parties.arrived.answer(answer)

    @talking.upon(CallInputs.changed).loop()
    def changed(call: CallInputs, parties: Parties, leg: ILeg, change: IChange) -> None:
        offer, other = change.offer, parties.other(leg)
        _log.info(
            "call={call} leg={leg} {party!r:.120} is {direction} with {codecs}",
            direction=offer.direction.value,
            codecs=" ".join(codec.name for codec in offer.codecs)[:80],
            **parties.names(leg),
        )
        parties.directions[leg] = offer.direction
        if parties.isUnanswered(other):
            change.agree(evolve(offer, address=None, rtcp=None, direction=Direction.SENDRECV))
        else:
            parties.asking[leg] = change
            parties.tell(call, other, offer)

    @talking.upon(CallInputs.agreed).loop()
    def agreed(call: CallInputs, parties: Parties, leg: ILeg, answer: SessionDescription) -> None:
        if not parties.has(leg):
            return
        way = answer.direction.value
        _log.info("call={call} leg={leg} {party!r:.120} goes along: {way}", way=way, **parties.names(leg))
        parties.agreed = answer.codecs
        other = parties.other(leg)
        change = parties.asking.pop(other, None)
        if change is None:
            other.change(Change(answer, isSettled=True))
        else:
            change.agree(answer)

    @talking.upon(CallInputs.refused).loop()
    def refused(call: CallInputs, parties: Parties, leg: ILeg, ending: Ending) -> None:
        if not parties.has(leg):
            return
        why = ending.text[:200]
        _log.info("call={call} leg={leg} {party!r:.120} goes on as before: {why!r}", why=why, **parties.names(leg))
        change = parties.asking.pop(parties.other(leg), None)
        if change is not None:
            change.refuse(ending)

    @idle.upon(CallInputs.changed).loop()
    @calling.upon(CallInputs.changed).loop()
    def noneToTell(call: CallInputs, parties: Parties, leg: ILeg, change: IChange) -> None:
        change.refuse(GONE)

    @talking.upon(CallInputs.handed).loop()
    def hand(call: CallInputs, parties: Parties, leg: ILeg, message: IMessage) -> None:
        parties.other(leg).hand(message)

    @calling.upon(CallInputs.handed).loop()
    def handBefore(call: CallInputs, parties: Parties, leg: ILeg, message: IMessage) -> None:
        if leg is parties.dialled and message.value.isEarly:
            parties.arrived.hand(message)
        else:
            message.undeliverable()

    @idle.upon(CallInputs.handed).loop()
    @closing.upon(CallInputs.handed).loop()
    @closed.upon(CallInputs.handed).loop()
    def noneToHand(call: CallInputs, parties: Parties, leg: ILeg, message: IMessage) -> None:
        message.undeliverable()

    @talking.upon(CallInputs.referred).loop()
    def refer(call: CallInputs, parties: Parties, leg: ILeg, referral: IReferral) -> None:
        if parties.transfer is not None:
            referral.declined(busy=True)
        else:
            begin(call, parties, leg, referral)

    @idle.upon(CallInputs.referred).loop()
    @calling.upon(CallInputs.referred).loop()
    @closing.upon(CallInputs.referred).loop()
    @closed.upon(CallInputs.referred).loop()
    def noneToRefer(call: CallInputs, parties: Parties, leg: ILeg, referral: IReferral) -> None:
        referral.declined()

    @talking.upon(CallInputs.targetAnswered).loop()
    def targetAnswered(call: CallInputs, parties: Parties, answer: SessionDescription) -> None:
        if parties.transfer is not None:
            parties.transfer.succeed(answer)

    @talking.upon(CallInputs.targetEnded).loop()
    def targetEnded(call: CallInputs, parties: Parties, ending: Ending) -> None:
        transfer = parties.transfer
        if transfer is not None:
            transfer.fail(ending)
            if parties.has(transfer.target):
                call.ended(transfer.target, ending)

    @talking.upon(CallInputs.referrerLeft).loop()
    def referrerLeft(call: CallInputs, parties: Parties, leg: ILeg, ending: Ending) -> None:
        if parties.transfer is not None:
            parties.transfer.goOnAlone()
        else:
            call.ended(leg, ending)

    @talking.upon(CallInputs.replace).loop()
    def replace(call: CallInputs, parties: Parties, old: ILeg, new: IInboundLeg, offer: SessionDescription) -> None:
        if parties.transfer is not None and parties.transfer.referrer is old:
            parties.transfer.cancel(REPLACED)
        stays = parties.other(old)
        heard = parties.directions.pop(old, None)
        parties.exchange(old, new)
        new.answer(SessionDescription(parties.agreed))
        old.hangup(REPLACED)
        parties.suit(call, stays, offer.codecs, heard)

    @calling.upon(CallInputs.replace).to(talking)
    def pickUp(call: CallInputs, parties: Parties, old: ILeg, new: IInboundLeg, offer: SessionDescription) -> None:
        parties.exchange(old, new)
        parties.answeredAt = parties.clock.seconds()
        parties.agreed = common(offer.codecs, parties.offer.codecs)
        parties.reports.answered(parties.id, new, parties.agreed)
        old.hangup(Ending(EndReason.ANSWERED_ELSEWHERE, "picked up elsewhere"))
        parties.arrived.answer(offer)
        new.answer(parties.offer)

    @idle.upon(CallInputs.replace).loop()
    @closing.upon(CallInputs.replace).loop()
    @closed.upon(CallInputs.replace).loop()
    def noneToReplace(
        call: CallInputs, parties: Parties, old: ILeg, new: IInboundLeg, offer: SessionDescription
    ) -> None:
        new.hangup(parties.ending or Ending(EndReason.DECLINED, "the call is over"))

    @talking.upon(CallInputs.surrender).to(closing)
    def surrender(call: CallInputs, parties: Parties, leg: ILeg, ending: Ending) -> None:
        parties.cancelTransfer(ending)
        parties.over(ending)
        parties.open.discard(leg)
        parties.wait(call.writeOff)
        if leg in parties.asking:
            parties.asking.pop(leg).refuse(ending)
        parties.other(leg).hangup(ending)

    @idle.upon(CallInputs.left).loop()
    @calling.upon(CallInputs.left).loop()
    @talking.upon(CallInputs.left).loop()
    def left(call: CallInputs, parties: Parties, leg: ILeg) -> None:
        parties.leave(leg)

    @idle.upon(CallInputs.ended).to(closing)
    @calling.upon(CallInputs.ended).to(closing)
    @talking.upon(CallInputs.ended).to(closing)
    def endOther(call: CallInputs, parties: Parties, leg: ILeg, ending: Ending) -> None:
        _log.info(
            "call={call} leg={leg} {party!r:.120} ended: {reason} {text!r}",
            reason=ending.reason.name.lower(),
            text=ending.text[:200],
            **parties.names(leg),
        )
        parties.cancelTransfer(ending)
        parties.over(ending, leg)
        parties.open.discard(leg)
        parties.wait(call.writeOff)
        parties.other(leg).hangup(ending)
        parties.dismissFormer(ending)

    @idle.upon(CallInputs.hangup).to(closing)
    @calling.upon(CallInputs.hangup).to(closing)
    @talking.upon(CallInputs.hangup).to(closing)
    def endBoth(call: CallInputs, parties: Parties, ending: Ending) -> None:
        parties.cancelTransfer(ending)
        parties.over(ending)
        parties.wait(call.writeOff)
        parties.caller.hangup(ending)
        parties.callee.hangup(ending)
        parties.dismissFormer(ending)

    @closing.upon(CallInputs.ended).loop()
    @closing.upon(CallInputs.referrerLeft).loop()
    def oneMore(call: CallInputs, parties: Parties, leg: ILeg, ending: Ending) -> None:
        call.left(leg)

    @closing.upon(CallInputs.left).loop()
    def oneLess(call: CallInputs, parties: Parties, leg: ILeg) -> None:
        parties.leave(leg)
        if not parties.open:
            call.writeOff()

    @closing.upon(CallInputs.writeOff).to(closed)
    def done(call: CallInputs, parties: Parties) -> None:
        for leg in parties.open:
            _log.error(
                "call={call} leg={leg} {party!r:.120} never said that it ended; written off", **parties.names(leg)
            )
            parties.reports.left(parties.id, leg, None)
        parties.finish()

    return indexed(builder.build())


makeMachine = _build()
