# -*- test-case-name: ichatgw.test.forwarding.test_leg -*-
"""
A leg that calls a user, and then another place if the user does not take the call.

::

    fresh --start--> calling --answered--> taken
                        |                    ^
                        `----> forwarded ----'       each --ended / hangup--> over
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from itertools import count

from attrs import Factory, define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.calls.inner import InnerCall, OuterLeg, begin
from ichatgw.calls.nulls import NoCall, Unanswered
from ichatgw.errors import CallError
from ichatgw.forwarding.choices import Chosen, Forward, whenOf
from ichatgw.interfaces import ICall, IMediaSide, IOutboundLeg
from ichatgw.model import SENT_ON, Ending, EndReason, Party, SessionDescription
from ichatgw.runtime.clock import cancel
from ichatgw.users.preferences import When

DECIDING = 1.0
"""Seconds after which a call is looked at again that has been taken, but is not answered yet."""

FORWARDED = Ending(EndReason.CANCELLED, "forwarded")
"""What clients of a user are told whose call leads on."""

_log = Logger()
_numbers = count(1)


class Stage(Enum):
    """How far the leg is."""

    FRESH = "nothing was sent"
    CALLING = "the user is called"
    FORWARDED = "another place is called"
    TAKEN = "the call is answered"
    OVER = "it has ended"


@implementer(IOutboundLeg)
@define(eq=False, kw_only=True)
class ForwardingLeg(OuterLeg):
    """
    It reports what the leg says that it contains as its own, and lends it its side of the relay.

    A leg that is given up is told so, and not heard any more: its answer comes too late, and is hung up by itself.

    @ivar user: who is called, by the bare address.
    @ivar chosen: where calls to them lead.
    @ivar first: the leg to begin with.
    @ivar isForwarded: that one leads to another place already.
    @ivar onward: makes a leg to where a forward leads; raises C{CallError}.
    @ivar leads: called before that one begins.
    @ivar over: called once, at the end.
    """

    user: str
    chosen: Chosen
    first: IOutboundLeg
    isForwarded: bool
    clock: IReactorTime
    onward: Callable[[ForwardingLeg, Forward], IOutboundLeg]
    leads: Callable[[ForwardingLeg], object]
    over: Callable[[ForwardingLeg], object]
    kind: str = field(init=False, default=Factory(lambda leg: leg.first.kind, takes_self=True))
    id: str = field(init=False, factory=lambda: f"to-user-{next(_numbers)}")
    call: ICall = field(init=False, factory=NoCall)
    side: IMediaSide = field(init=False)
    party: Party = field(init=False, default=Factory(lambda leg: leg.first.party, takes_self=True))
    stage: Stage = field(init=False, default=Stage.FRESH)
    _offer: SessionDescription = field(init=False)
    _rang: bool = field(init=False, default=False)
    _timer: IDelayedCall | None = field(init=False, default=None)

    def start(self, offer: SessionDescription) -> None:
        """Call the user, or where all their calls lead."""
        if self.stage is not Stage.FRESH:
            return
        self._offer = offer
        unanswered = self.chosen.forward(When.NO_ANSWER)
        if not self.isForwarded and unanswered is not None:
            self._timer = self.clock.callLater(unanswered.seconds, _unanswered, self)
        self.stage = Stage.FORWARDED if self.isForwarded else Stage.CALLING
        _contain(self, self.first)
        if self.isForwarded:
            _announce(self)
        begin(self, self.first, self._offer)

    def hangup(self, ending: Ending) -> None:
        if self.stage is Stage.FRESH:
            self.first.hangup(ending)
            _finish(self, ending)
        elif self.stage is not Stage.OVER and self.inner is not None:
            _settle(self)  # whatever it says now, the call leads nowhere else
            self.inner.hangup(ending)


def _contain(leg: ForwardingLeg, inner: IOutboundLeg) -> None:
    """Hear what C{inner} says from now on."""
    leg.inner, leg.kind, leg.party = inner, inner.kind, inner.party
    inner.call = InnerCall(leg, rang=partial(_rang, leg), taken=partial(_settle, leg), over=partial(_ended, leg))
    inner.side = leg.side


def _rang(leg: ForwardingLeg) -> None:
    leg._rang = True


def _settle(leg: ForwardingLeg) -> None:
    """The call stays where it is."""
    _stopTimer(leg)
    leg.stage = Stage.TAKEN


def _ended(leg: ForwardingLeg, ending: Ending) -> None:
    """What it contains has ended: that is the end, unless the user has not taken the call and it leads on."""
    when = whenOf(ending, leg._rang) if leg.stage is Stage.CALLING else None
    forward = leg.chosen.forward(when) if when is not None else None
    if forward is None or not _lead(leg, forward):
        _finish(leg, ending)


def _unanswered(leg: ForwardingLeg) -> None:
    leg._timer = None
    forward = leg.chosen.forward(When.NO_ANSWER)
    if leg.isTaken:
        leg._timer = leg.clock.callLater(DECIDING, _unanswered, leg)
    elif forward is not None:
        _lead(leg, forward)


def _lead(leg: ForwardingLeg, forward: Forward) -> bool:
    """
    Call where a forward leads, and give up the user.

    @return: whether the call leads there; if not, the user is not disturbed by the attempt.
    """
    try:
        place = leg.onward(leg, forward)
    except CallError as problem:
        _log.warn(
            "call={call} leg={leg} {user!r:.120} does not forward to {target!r:.80} ({when}): {why}",
            call=leg.call.id,
            leg=leg.id,
            user=leg.user,
            why=str(problem)[:200],
            target=forward.target,
            when=forward.when.value,
        )
        return False
    except Exception:
        _log.failure("call={call} leg={leg} could not forward", call=leg.call.id, leg=leg.id)
        return False
    _stopTimer(leg)
    given = leg.inner
    _contain(leg, place)
    leg.stage = Stage.FORWARDED
    if given is not None:
        given.call = NoCall(leg.call.id)
        given.hangup(FORWARDED)
    if leg.stage is Stage.FORWARDED:  # else the caller has gone within that
        _announce(leg)
        begin(leg, place, leg._offer)
    return True


def _announce(leg: ForwardingLeg) -> None:
    leg.leads(leg)
    leg.call.handed(leg, Unanswered(SENT_ON))


def _stopTimer(leg: ForwardingLeg) -> None:
    cancel(leg._timer)
    leg._timer = None


def _finish(leg: ForwardingLeg, ending: Ending) -> None:
    if leg.stage is not Stage.OVER:
        leg.stage = Stage.OVER
        _stopTimer(leg)
        leg.inner = None
        leg.over(leg)
        leg.call.ended(leg, ending)
