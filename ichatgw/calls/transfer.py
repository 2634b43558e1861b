# -*- test-case-name: ichatgw.test.calls -*-
"""
A transfer: a party of a call wants its peer to be connected to another one (RFC 3515, RFC 5589).

This is done here, and the peer is asked to do nothing: another leg is dialled, and takes the place of the one that
referred when it is answered, or when that one hangs up before.  If the target does not answer, the call goes on as
before.
"""

from __future__ import annotations

from typing import Protocol

from twisted.logger import Logger

from ichatgw.calls.nulls import NoCall
from ichatgw.calls.parties import Answers, Parties, common
from ichatgw.errors import CallError, NoCommonCodec
from ichatgw.interfaces import IChange, ILeg, IOutboundLeg, IReferral
from ichatgw.model import Direction, Ending, EndReason, SessionDescription
from ichatgw.observe.callreports import outermost

TRANSFERRED = Ending(EndReason.HANGUP, "transferred")
"""What a leg is told whose peer has gone on."""

_log = Logger()


class NothingToJoin(CallError):
    """What shall be joined is no call in which two parties talk."""

    reason = EndReason.NOT_FOUND


class Machine(Answers, Protocol):
    """What becomes of the leg that is dialled is told to the machine of the call."""

    def targetAnswered(self, answer: SessionDescription) -> None: ...

    def targetEnded(self, ending: Ending) -> None: ...


def begin(machine: Machine, parties: Parties, referrer: ILeg, referral: IReferral) -> None:
    """Try what C{referrer} wants.  It is told what becomes of it."""
    referral.accepted()
    peer = parties.other(referrer)
    _log.info(
        "call={call} leg={leg} refers {peer!r} to {called!r}{joins}",
        call=parties.id,
        leg=referrer.id,
        peer=peer.party.uri[:200],
        called=referral.called[:200],
        joins="" if referral.joins is None else f", who talks to leg={referral.joins.id}",
    )
    try:
        if referral.joins is not None:
            _join(machine, parties, referrer, referral, referral.joins)
        else:
            _dial(machine, parties, referrer, referral)
    except CallError as error:
        _fail(parties, referral, Ending(error.reason, str(error)))
    except Exception:
        _log.failure("call={call} leg={leg} could not be transferred", call=parties.id, leg=referrer.id)
        _fail(parties, referral, Ending(EndReason.FAILED, "internal error"))


def _fail(parties: Parties, referral: IReferral, ending: Ending) -> None:
    reason = ending.reason.name.lower()
    _log.info("call={call} is not transferred: {reason} {text!r}", call=parties.id, reason=reason, text=ending.text)
    referral.failed(ending)


def _dial(machine: Machine, parties: Parties, referrer: ILeg, referral: IReferral) -> None:
    if parties.switchboard is None:
        raise NothingToJoin("there is no way to it")
    target = parties.switchboard.connect(parties.call, parties.other(referrer), referral)
    target.side = parties.relay.another()
    parties.open.add(target)
    transfer = parties.transfer = Transfer(machine, parties, referrer, target, referral)
    target.call = transfer
    target.start(SessionDescription(parties.agreed))


def _join(machine: Machine, parties: Parties, referrer: ILeg, referral: IReferral, joins: ILeg) -> None:
    """The far end that is meant is in another call of ours: take it from there."""
    other = None if parties.switchboard is None else parties.switchboard.callOf(joins)
    own: object = parties.call
    if other is None or other is own:
        raise NothingToJoin("there is no other call to join")
    partner = other.partner(outermost(joins))
    if partner is None:
        raise NothingToJoin("no party talks in the other call")
    if not common(parties.agreed, partner.agreed):
        raise NoCommonCodec("the two have no format in common")
    stays = parties.other(referrer)
    heard = parties.directions.pop(referrer, None)
    parties.exchange(referrer, partner.leg)
    other.surrender(partner.leg, Ending(EndReason.HANGUP, f"joined with call={parties.id}"))
    referral.succeeded()
    parties.dismiss(referrer, TRANSFERRED)
    parties.suit(machine, stays, partner.agreed, heard)
    parties.acquaint(machine, partner.leg, partner.agreed, partner.heard)


class Transfer(NoCall):
    """
    The call that a dialled leg sees until it is answered; of all that a leg may say within a call it takes nothing
    before that.

    @ivar referrer: the leg whose place it will take.
    """

    def __init__(
        self, machine: Machine, parties: Parties, referrer: ILeg, target: IOutboundLeg, referral: IReferral
    ) -> None:
        super().__init__(parties.id)
        self.referrer = referrer
        self.target = target
        self._machine = machine
        self._parties = parties
        self._referral = referral
        self._rung = False
        self._heard: Direction | None = None

    # News of the target

    def ringing(self, leg: ILeg) -> None:
        """See L{ichatgw.interfaces.ICall}."""
        if not self._rung:
            self._rung = True
            _log.info("call={call} leg={leg} {party!r:.120} is ringing", **self._parties.names(leg))
            self._referral.rang()

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        """Early media reaches the peer through the relay, once the one that referred has gone."""
        self.ringing(leg)

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        """See L{ichatgw.interfaces.ICall}."""
        self._parties.hooks.guarded(self._machine.targetAnswered, answer)
        self._parties.hooks.noted()

    def changed(self, leg: ILeg, change: IChange) -> None:
        """Not before the answer."""
        change.refuse(Ending(EndReason.UNAVAILABLE, "not answered yet"))

    def ended(self, leg: ILeg, ending: Ending) -> None:
        """See L{ichatgw.interfaces.ICall}."""
        self._parties.hooks.guarded(self._machine.targetEnded, ending)

    # What the call's machine does

    def succeed(self, answer: SessionDescription) -> None:
        """The target's party has answered."""
        parties, target = self._parties, self.target
        parties.transfer = None
        stays = parties.other(target if parties.has(target) else self.referrer)
        target.call = parties.call
        _log.info("call={call} leg={leg} {party!r:.120} answered; transferred", **parties.names(target))
        if parties.has(self.referrer):
            self._heard = parties.directions.pop(self.referrer, None)
            parties.exchange(self.referrer, target)
            parties.dismiss(self.referrer, TRANSFERRED)
        self._referral.succeeded()
        parties.suit(self._machine, stays, answer.codecs, self._heard)

    def fail(self, ending: Ending) -> None:
        """It has ended before that: the call goes on as before, if there is a peer to talk to."""
        self._parties.transfer = None
        self.target.call = self._parties.call
        _fail(self._parties, self._referral, ending)
        if not self._parties.has(self.target):
            self._parties.leave(self.target)

    def goOnAlone(self) -> None:
        """The one that referred has hung up: the peer waits for the target."""
        self._heard = self._parties.directions.get(self.referrer)
        self._parties.exchange(self.referrer, self.target)
        self.target.call = self
        self._parties.leave(self.referrer)

    def cancel(self, ending: Ending) -> None:
        """The peer has gone, or another leg has taken its place."""
        self._parties.transfer = None
        self.target.call = self._parties.call
        self._referral.failed(Ending(EndReason.CANCELLED, ending.text))
        if not self._parties.has(self.target):
            self.target.hangup(ending)
