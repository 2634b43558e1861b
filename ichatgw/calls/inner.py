# -*- test-case-name: ichatgw.test.xmpp.test_dialer,ichatgw.test.ichat.test_contract,ichatgw.test.calls.test_nulls -*-
"""
The call as seen by a leg that another leg contains, as a SIP leg within an iChat's.
"""

from __future__ import annotations

from attrs import define
from zope.interface import implementer

from ichatgw.interfaces import ICall, IChange, ILeg, IMessage, IReferral
from ichatgw.model import Ending, SessionDescription


@implementer(ICall)
@define(eq=False)
class InnerCall:
    """
    The call that the inner one of two legs sees: what it says, the outer one says.

    @ivar outer: the leg that contains the other.
    """

    outer: ILeg

    @property
    def id(self) -> str:
        """The inner leg's log lines carry the name of the real call."""
        return self.outer.call.id

    def ringing(self, leg: ILeg) -> None:
        """See L{ICall}."""
        self.outer.call.ringing(self.outer)

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        """See L{ICall}."""
        self.outer.call.progressing(self.outer, answer)

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        """See L{ICall}."""
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
        self.outer.call.ended(self.outer, ending)
