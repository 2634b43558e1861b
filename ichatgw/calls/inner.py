# -*- test-case-name: ichatgw.test.xmpp.test_dialer,ichatgw.test.ichat.test_contract,ichatgw.test.calls.test_nulls,ichatgw.test.forwarding.test_leg -*-  # noqa: E501
"""
The call as seen by a leg that another leg contains, as a SIP leg within an iChat's, and such other legs.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.interfaces import ICall, IChange, ILeg, IMessage, IOutboundLeg, IReferral
from ichatgw.model import Ending, EndReason, Farewell, Party, SessionDescription
from ichatgw.runtime.nulls import unheard

_log = Logger()


@implementer(ICall)
@define(eq=False)
class InnerCall:
    """
    The call that the inner one of two legs sees: what it says, the outer one says.

    @ivar outer: the leg that contains the other.
    @ivar rang: called before the outer one says that it rings, and C{taken} before it says that it is answered.
    @ivar over: told how the inner one has ended, for the outer one may not; C{None} if it ends with it.
    """

    outer: ILeg
    rang: Callable[[], object] = field(default=unheard, kw_only=True)
    taken: Callable[[], object] = field(default=unheard, kw_only=True)
    over: Callable[[Ending], object] | None = field(default=None, kw_only=True)

    @property
    def id(self) -> str:
        """The inner leg's log lines carry the name of the real call."""
        return self.outer.call.id

    def peer(self, leg: ILeg) -> Party | None:
        """See L{ICall}."""
        return self.outer.call.peer(self.outer)

    def ringing(self, leg: ILeg) -> None:
        """See L{ICall}."""
        self.rang()
        self.outer.call.ringing(self.outer)

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        """See L{ICall}."""
        self.outer.call.progressing(self.outer, answer)

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        """See L{ICall}."""
        self.taken()
        self.outer.call.answered(self.outer, answer)

    def changed(self, leg: ILeg, change: IChange) -> None:
        """See L{ICall}."""
        self.outer.call.changed(self.outer, change)

    def handed(self, leg: ILeg, message: IMessage) -> None:
        """See L{ICall}."""
        self.outer.call.handed(self.outer, message)

    def referred(self, leg: ILeg, referral: IReferral) -> None:
        """See L{ICall}."""
        self.outer.call.referred(self.outer, referral)

    def ended(self, leg: ILeg, ending: Ending) -> None:
        """See L{ICall}."""
        if self.over is not None:
            self.over(ending)
        else:
            self.outer.call.ended(self.outer, ending)


@define(eq=False)
class OuterLeg:
    """
    What a leg to call has in common with others that contain the one that does the work.

    @ivar inner: that one; C{None} as long as there is none, or if there is none any more.
    """

    inner: IOutboundLeg | None = field(init=False, default=None)

    @property
    def isTaken(self) -> bool:
        """See L{IOutboundLeg}."""
        return self.inner is not None and self.inner.isTaken

    def change(self, change: IChange) -> None:
        """See L{ILeg}."""
        if self.inner is not None:
            self.inner.change(change)

    def hand(self, message: IMessage) -> None:
        """See L{ILeg}."""
        if self.inner is not None:
            self.inner.hand(message)
        else:
            message.undeliverable()

    def farewells(self) -> tuple[Farewell, ...]:
        """See L{ILeg}."""
        return () if self.inner is None else self.inner.farewells()


def begin(outer: ILeg, inner: IOutboundLeg, offer: SessionDescription) -> None:
    """Have the inner leg call.  If it raises it is ended, which C{outer} hears as any end of it."""
    try:
        inner.start(offer)
    except Exception:
        _log.failure("call={call} leg={leg} could not call", call=outer.call.id, leg=outer.id)
        inner.hangup(Ending(EndReason.FAILED, "internal error"))
