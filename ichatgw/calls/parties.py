# -*- test-case-name: ichatgw.test.calls,ichatgw.test.xmpp.test_stranded -*-
"""
What a call's machine works on: the two parties, and the legs that once were theirs or may become so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ichatgw.calls.changes import Change
from ichatgw.calls.nulls import NoCall, Unanswered
from ichatgw.interfaces import ICall, IChange, IInboundLeg, ILeg, IOutboundLeg, IReferral, IRelay
from ichatgw.model import CONNECTED, PCMU, Codec, Direction, Ending, EndReason, Party, SessionDescription
from ichatgw.observe.callreports import GATEWAY, UNREPORTED, Reports
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.nulls import unheard

CLOSING_TIMEOUT = 40.0
"""Seconds a leg has for saying C{ended} after it was told to hang up; longer than any SIP transaction (32 s)."""

GOODBYE_GRACE = 2.0
"""Seconds in which who has referred its peer, and was told that it is done, may hang up by itself."""

_log = Logger()


class Switchboard(Protocol):
    """What a call wants of the switch."""

    def connect(self, call: ICall, peer: ILeg, referral: IReferral) -> IOutboundLeg:
        """
        The leg that leads to where C{peer} shall be connected; it has not started.

        @raise CallError: if there can be none.
        """

    def presented(self, party: Party, route: str) -> Party:
        """The party as who is at that address may see it."""

    def exchanged(self, call: ICall) -> None:
        """One of the two parties of C{call} is another one now."""

    def callOf(self, leg: ILeg) -> Joinable | None:
        """The call that C{leg}, or one that contains it, is a party of; C{None} if it is none, or not yet."""


@frozen
class Partner:
    """
    A party that can go over to another call.

    @ivar agreed: the formats that it uses now.
    @ivar heard: what it was told last of the media of who talks to it.
    """

    leg: ILeg
    agreed: tuple[Codec, ...]
    heard: Direction | None


class Joinable(Protocol):
    """A call that another one can take a party from."""

    def partner(self, leg: ILeg) -> Partner | None:
        """The party that talks to C{leg}, if both do so."""

    def surrender(self, leg: ILeg, ending: Ending) -> None:
        """C{leg} has gone over to another call, with its side; what is left of this one is hung up."""


class Answers(Protocol):
    """Who is told what a leg says to a change: the machine of the call."""

    def agreed(self, leg: ILeg, answer: SessionDescription) -> None: ...

    def refused(self, leg: ILeg, ending: Ending) -> None: ...


class UnderWay(Protocol):
    """
    A transfer that is tried.

    @ivar referrer: the leg whose place is to be taken.
    @ivar target: the leg that is dialled for it.
    """

    referrer: ILeg
    target: IOutboundLeg

    def succeed(self, answer: SessionDescription) -> None:
        """The target's party has answered."""

    def fail(self, ending: Ending) -> None:
        """The target has ended before that: the call goes on as before, if there is a peer to talk to."""

    def goOnAlone(self) -> None:
        """The one that referred has hung up: the peer waits for the target."""

    def cancel(self, ending: Ending) -> None:
        """The peer has gone, or another leg has taken its place."""


@frozen
class Hooks:
    """
    What a call does for its parties.

    @ivar guarded: calls an input of the machine; what fails in there ends the call.
    @ivar closed: called once, when all legs are gone.
    @ivar noted: told when what would have to be said to the parties, if we were gone, may have changed.
    """

    guarded: Callable[..., None] = unheard
    closed: Callable[[], object] = unheard
    noted: Callable[[], object] = unheard


@define(eq=False)
class Parties:
    """
    @ivar call: whose parties they are; a stand-in when it is over.
    @ivar arrived: the caller's leg, at first.
    @ivar dialled: the callee's.
    @ivar hooks: what the call does for them; nothing, when it is over.
    @ivar reports: told of what happens, for who watches calls.
    @ivar open: the legs that have not said C{ended}.
    @ivar offer: what the caller offered.
    @ivar agreed: the formats that the two agreed on last.
    @ivar directions: what the parties said last of their media.
    @ivar asking: by their legs, the changes of those who have not heard yet whether the other goes along.
    @ivar transfer: the referral that is tried now.
    @ivar rung: the legs that have rung.
    @ivar uprooted: media went from party to party until the latest exchange, so that both have to be told of us.
    @ivar ending: the first ending heard: why the call is over.
    @ivar endedBy: at which end that was, for the log.
    """

    call: ICall
    arrived: IInboundLeg
    dialled: IOutboundLeg
    relay: IRelay
    clock: IReactorTime
    hooks: Hooks
    switchboard: Switchboard | None = None
    reports: Reports = UNREPORTED
    caller: ILeg = field(init=False)
    callee: ILeg = field(init=False)
    open: set[ILeg] = field(init=False)
    startedAt: float = field(init=False)
    offer: SessionDescription = field(default=SessionDescription((PCMU,)), init=False)
    agreed: tuple[Codec, ...] = field(default=(PCMU,), init=False)
    directions: dict[ILeg, Direction] = field(factory=dict, init=False)
    asking: dict[ILeg, IChange] = field(factory=dict, init=False)
    transfer: UnderWay | None = field(default=None, init=False)
    ending: Ending | None = field(default=None, init=False)
    endedBy: str = field(default=GATEWAY, init=False)
    answeredAt: float | None = field(default=None, init=False)
    timer: IDelayedCall | None = field(default=None, init=False)
    finished: bool = field(default=False, init=False)
    uprooted: bool = field(default=False, init=False)
    rung: set[ILeg] = field(factory=set, init=False)
    _former: dict[ILeg, IDelayedCall] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.caller, self.callee = self.arrived, self.dialled
        self.open = {self.caller, self.callee}
        self.startedAt = self.clock.seconds()

    @property
    def id(self) -> str:
        """The call's name in logs."""
        return self.call.id

    def names(self, leg: ILeg) -> dict[str, str]:
        """What a line of the log about C{leg} names."""
        return {"call": self.id, "leg": leg.id, "party": leg.party.uri}

    def has(self, leg: ILeg) -> bool:
        """Is it one of the two?"""
        return leg is self.caller or leg is self.callee

    def other(self, leg: ILeg) -> ILeg:
        """The leg at the far side of C{leg}."""
        return self.callee if leg is self.caller else self.caller

    def partner(self, leg: ILeg) -> Partner | None:
        """See L{Joinable}."""
        talking = self.answeredAt is not None and self.ending is None and not self.finished
        other = self.other(leg)
        if not talking or not self.has(leg) or self.isUnanswered(other) or self.isUnanswered(leg):
            return None
        return Partner(other, self.agreed, self.directions.get(leg))

    def peer(self, leg: ILeg) -> Party | None:
        """See L{ICall}."""
        if not self.has(leg):
            return None
        party = self.other(leg).party
        return party if self.switchboard is None else self.switchboard.presented(party, leg.party.uri)

    @property
    def awaited(self) -> ILeg | None:
        """The leg that has been dialled and is not answered yet; C{None} if there is none."""
        if self.ending is not None:
            return None
        if self.transfer is not None:
            return self.transfer.target
        return self.callee if self.answeredAt is None else None

    def isUnanswered(self, leg: ILeg) -> bool:
        """Has it taken a place before its party has answered?"""
        return self.transfer is not None and leg is self.transfer.target

    def suits(self, offer: SessionDescription) -> bool:
        """Can who stays talk to who makes that offer?"""
        codecs = self.offer.codecs if self.answeredAt is None else self.agreed
        return any(offer.hears(codec) is not None for codec in codecs if not codec.isEvent)

    def exchange(self, old: ILeg, new: ILeg) -> None:
        """Let C{new} take the place of C{old}, without telling the legs."""
        stays = self.other(old)
        self.uprooted = stays.side.isDirect or new.side.isDirect
        for leg in (old, stays, new):
            leg.side = leg.side.anchor()
        self.relay.exchange(old.side, new.side)
        if old is self.caller:
            self.caller = new
        else:
            self.callee = new
        new.call = self.call
        self.open.add(new)
        self.asking.pop(old, None)
        self.reports.joined(self.id, new, "caller" if new is self.caller else "callee")
        _log.info("call={call} leg={leg} {party!r:.120} takes the place of leg={old}", old=old.id, **self.names(new))
        if self.switchboard is not None:
            self.switchboard.exchanged(self.call)

    def tell(self, answers: Answers, leg: ILeg, offer: SessionDescription) -> None:
        """Tell the party of C{leg} what the other one speaks now."""
        guarded = self.hooks.guarded
        leg.change(Change(offer, partial(guarded, answers.agreed, leg), partial(guarded, answers.refused, leg)))

    def suit(self, answers: Answers, stays: ILeg, codecs: tuple[Codec, ...], heard: Direction | None) -> None:
        """
        The party that stays is told what the new one speaks, if it would do something wrong otherwise.

        @param heard: what it was told last of the media of the one that has gone.
        """
        change = self.asking.pop(stays, None)
        if change is not None:
            change.refuse(Ending(EndReason.UNAVAILABLE, "the other party has changed"))
        before, self.agreed = self.agreed, common(self.agreed, codecs)
        self.acquaint(answers, stays, before, heard)

    def acquaint(self, answers: Answers, leg: ILeg, before: tuple[Codec, ...], heard: Direction | None) -> None:
        """
        A party has another one at the other end.  It is told who that is, and what that speaks, if it would do
        something wrong else.

        @param before: the formats that it used with the one that was there before.
        @param heard: what it was told last of the media of that one.
        """
        if self.agreed != before or heard not in (None, Direction.SENDRECV) or self.uprooted:
            self.tell(answers, leg, SessionDescription(self.agreed))
        leg.hand(Unanswered(CONNECTED))

    def leave(self, leg: ILeg) -> None:
        """A leg is gone; if it is none of the two, its ports are given back."""
        self.open.discard(leg)
        self.directions.pop(leg, None)
        cancel(self._former.pop(leg, None))
        if not self.has(leg):
            self.relay.drop(leg.side)
            self._release(leg)

    def dismiss(self, leg: ILeg, ending: Ending) -> None:
        """Whose place another has taken hangs up now, or is hung up soon."""
        self._former[leg] = self.clock.callLater(GOODBYE_GRACE, leg.hangup, ending)

    def dismissFormer(self, ending: Ending) -> None:
        """The call is over for all."""
        former, self._former = self._former, {}
        for leg, timer in former.items():
            if timer.active():
                timer.cancel()
                leg.hangup(ending)

    def cancelTransfer(self, ending: Ending) -> None:
        """The call is over, and so is what is tried to go on with it."""
        if self.transfer is not None:
            self.transfer.cancel(ending)

    def over(self, ending: Ending, by: ILeg | None = None) -> None:
        """Remember why, and who it was: the first ending counts."""
        if self.ending is None:
            self.ending = ending
            self.endedBy = GATEWAY if by is None else "the caller" if by is self.caller else "the callee"

    def wait(self, writeOff: Callable[[], None]) -> None:
        """Give the legs that are still open their time."""
        if self.timer is None:
            self.timer = self.clock.callLater(CLOSING_TIMEOUT, writeOff)

    def finish(self) -> None:
        """All legs are gone: give back the ports, say so once.  What fails here must not keep the call alive."""
        if self.finished:
            return
        self.finished = True
        cancel(self.timer, *self._former.values())
        self.timer = None
        self._former.clear()
        try:
            self.relay.close()
        except Exception:
            _log.failure("call={call} its relay could not be closed", call=self.id)
        now = self.clock.seconds()
        ending = self.ending or Ending(EndReason.FAILED)
        _log.info(
            "call={call} ended by {by}: {reason}{text}, {talked}; {caller!r:.120} to {callee!r:.120}",
            caller=self.caller.party.uri,
            callee=self.callee.party.uri,
            by=self.endedBy,
            call=self.id,
            reason=ending.reason.name.lower(),
            text=f" {ending.text[:200]!r}" if ending.text else "",
            talked=f"talked {now - self.answeredAt:.1f} s" if self.answeredAt is not None else "not answered",
        )
        self.reports.ended(self.id, self.endedBy, ending, self.answeredAt is not None)
        self._letGo()

    def _letGo(self) -> None:
        """
        A call, its machine, its parties and its legs hold one another.  Once they have said their last word they need
        not, and nothing of them has to wait for the garbage collector.
        """
        closed, self.hooks = self.hooks.closed, Hooks()
        call, self.call = self.call, NoCall(self.id)
        for leg in (self.caller, self.callee, *self.open):
            if leg.call is call:
                leg.call = self.call
        self.switchboard = None
        for legs in (self.open, self.rung, self.asking, self.directions):
            legs.clear()
        closed()

    def _release(self, leg: ILeg) -> None:
        """A leg that was a party's and has ended."""
        if leg.call is self.call:
            leg.call = NoCall(self.id)


def common(codecs: tuple[Codec, ...], others: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """
    Those that are among the others as well, whatever their numbers; if there are none, those that the relay can make of
    others.
    """
    theirs = SessionDescription(others)
    same = tuple(codec for codec in codecs if theirs.find(codec) is not None)
    if any(not codec.isEvent for codec in same):
        return same
    return tuple(codec for codec in codecs if theirs.hears(codec) is not None)
