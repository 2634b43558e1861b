# -*- test-case-name: ichatgw.test.ichat.test_waiting -*-
"""
An INVITE that may be that of an iChat behind a NAT, or of a stranger who knows the names in it.
"""

from __future__ import annotations

from ichatgw.calls.nulls import NoCall
from ichatgw.ichat.inbound import InboundLeg
from ichatgw.ichat.waiting import HOLD, WaitingLegs
from ichatgw.interfaces import IInboundLeg, ILeg
from ichatgw.model import Ending, EndReason
from ichatgw.runtime.clock import cancel


class Held(NoCall):
    """
    The call of the leg of such an INVITE, until it is known whether another host sends one as well.

    It ends by giving the leg to the call that waits for it, by refusing it, or with it.
    """

    def __init__(self, inner: IInboundLeg, leg: InboundLeg, waiting: WaitingLegs) -> None:
        """
        @param inner: the leg of the INVITE.
        @param leg: the one that waits.
        """
        super().__init__(leg.call.id)
        self._inner = inner
        self._leg = leg
        self._waiting = waiting
        self._timer = waiting.clock.callLater(HOLD, self._decide)

    def ended(self, leg: ILeg, ending: Ending) -> None:
        """The iChat has given up the call meanwhile: stop the timer."""
        cancel(self._timer)

    def _decide(self) -> None:
        if self._leg.awaitsInvite and not self._waiting.isContested(self._leg):
            self._leg.machine.invited(self._inner)
            return
        self._inner.call = NoCall(self._leg.call.id)
        self._inner.hangup(Ending(EndReason.FORBIDDEN, "another host has sent an INVITE for this call"))
