# -*- test-case-name: ichatgw.test.calls -*-
"""
A transfer: a party of a call wants its peer to be connected to another one (RFC 3515, RFC 5589).

This is done here, and the peer is asked to do nothing: another leg is dialled, and takes the place of the one that
referred when it is answered, or when that one hangs up before.  If nobody answers, the call goes on as it was.
"""

from __future__ import annotations

from attrs import define, field
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.calls.parties import ITransferable, Parties, common
from ichatgw.errors import CallError, NoCommonCodec
from ichatgw.interfaces import ICall, IEnclosure, ILeg, IReferral
from ichatgw.model import Direction, Ending, EndReason, SessionDescription, Tone

TRANSFERRED = Ending(EndReason.HANGUP, "transferred")
"""What a leg is told whose peer has gone on."""

_log = Logger()


class NothingToJoin(CallError):
    """What shall be joined is no call in which two parties talk."""

    reason = EndReason.NOT_FOUND


def begin(parties: Parties, referrer: ILeg, referral: IReferral) -> None:
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
            _join(parties, referrer, referral, referral.joins)
        else:
            _dial(parties, referrer, referral)
    except CallError as error:
        _fail(parties, referral, Ending(error.reason, str(error)))
    except Exception:
        _log.failure("call={call} leg={leg} could not be transferred", call=parties.id, leg=referrer.id)
        _fail(parties, referral, Ending(EndReason.FAILED, "internal error"))


def _fail(parties: Parties, referral: IReferral, ending: Ending) -> None:
    reason = ending.reason.name.lower()
    _log.info("call={call} is not transferred: {reason} {text!r}", call=parties.id, reason=reason, text=ending.text)
    referral.failed(ending)


def _dial(parties: Parties, referrer: ILeg, referral: IReferral) -> None:
    if parties.switchboard is None:
        raise NothingToJoin("nobody knows the way")
    target = parties.switchboard.connect(parties.call, parties.other(referrer), referral)
    target.side = parties.relay.another()
    parties.open.add(target)
    transfer = parties.transfer = Transfer(parties, referrer, target, referral)
    target.call = transfer
    target.start(SessionDescription(parties.agreed))


def _join(parties: Parties, referrer: ILeg, referral: IReferral, joins: ILeg) -> None:
    """The far end that is meant is in another call of ours: take it from there."""
    other = joins.call
    if other is parties.call or not ITransferable.providedBy(other):
        raise NothingToJoin("there is no other call to join")
    partner = ITransferable(other).partner(joins)
    if partner is None:
        raise NothingToJoin("nobody talks in the other call")
    if not common(parties.agreed, partner.agreed):
        raise NoCommonCodec("the two have no format in common")
    stays = parties.other(referrer)
    heard = parties.directions.pop(referrer, None)
    parties.exchange(referrer, partner.leg)
    ITransferable(other).surrender(partner.leg, Ending(EndReason.HANGUP, f"joined with call={parties.id}"))
    referral.succeeded()
    parties.dismiss(referrer, TRANSFERRED)
    parties.suit(stays, partner.agreed, heard)
    if parties.agreed != partner.agreed or partner.heard not in (None, Direction.SENDRECV) or parties.uprooted:
        partner.leg.update(SessionDescription(parties.agreed))


@implementer(ICall)
@define(eq=False)
class Transfer:
    """
    The call that a dialled leg sees until it is answered.

    @ivar referrer: the leg whose place it will take.
    """

    parties: Parties
    referrer: ILeg
    target: ILeg
    referral: IReferral
    _rung: bool = field(default=False, init=False)
    _heard: Direction | None = field(default=None, init=False)

    @property
    def id(self) -> str:
        """See L{ICall}."""
        return self.parties.id

    # News of the target

    def ringing(self, leg: ILeg) -> None:
        """See L{ICall}."""
        if not self._rung:
            self._rung = True
            _log.info("call={call} leg={leg} {party!r:.120} is ringing", **self.parties.names(leg))
            self.referral.rang()

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        """Early media reaches the peer through the relay, once the one that referred has gone."""
        self.ringing(leg)

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        """See L{ICall}."""
        self.parties.call.targetAnswered(answer)

    def updated(self, leg: ILeg, offer: SessionDescription) -> None:
        """Not before the answer."""
        leg.refuse(Ending(EndReason.UNAVAILABLE, "not answered yet"))

    def agreed(self, leg: ILeg, answer: SessionDescription) -> None:
        """It was told nothing."""

    def refused(self, leg: ILeg, ending: Ending) -> None:
        """It was told nothing."""

    def info(self, leg: ILeg, tone: Tone) -> None:
        """Not before the answer."""

    def handed(self, leg: ILeg, enclosure: IEnclosure) -> None:
        """Not before the answer."""
        enclosure.undeliverable()

    def referred(self, leg: ILeg, referral: IReferral) -> None:
        """Not before the answer."""
        referral.declined()

    def ended(self, leg: ILeg, ending: Ending) -> None:
        """See L{ICall}."""
        self.parties.call.targetEnded(ending)

    # What the call's machine does

    def succeed(self, answer: SessionDescription) -> None:
        """The target's party has answered."""
        parties, target = self.parties, self.target
        parties.transfer = None
        stays = parties.other(target if parties.has(target) else self.referrer)
        target.call = parties.call
        _log.info("call={call} leg={leg} {party!r:.120} answered; transferred", **parties.names(target))
        if parties.has(self.referrer):
            self._heard = parties.directions.pop(self.referrer, None)
            parties.exchange(self.referrer, target)
            parties.dismiss(self.referrer, TRANSFERRED)
        self.referral.succeeded()
        parties.suit(stays, answer.codecs, self._heard)

    def fail(self, ending: Ending) -> None:
        """It has ended before that: the call goes on as before, if there is somebody to talk to."""
        self.parties.transfer = None
        self.target.call = self.parties.call
        _fail(self.parties, self.referral, ending)
        if not self.parties.has(self.target):
            self.parties.leave(self.target)

    def goOnAlone(self) -> None:
        """The one that referred has hung up: the peer waits for the target."""
        self._heard = self.parties.directions.get(self.referrer)
        self.parties.exchange(self.referrer, self.target)
        self.target.call = self
        self.parties.leave(self.referrer)

    def cancel(self, ending: Ending) -> None:
        """The peer has gone, or the place is taken by somebody else."""
        self.parties.transfer = None
        self.target.call = self.parties.call
        self.referral.failed(Ending(EndReason.CANCELLED, ending.text))
        if not self.parties.has(self.target):
            self.target.hangup(ending)
