# -*- test-case-name: ichatgw.test.calls.test_nulls -*-
"""
Null objects for the interfaces between legs and calls.
"""

from __future__ import annotations

from attrs import define, frozen
from zope.interface import implementer

from ichatgw.interfaces import ICall, ILeg, IMessage, IReferral
from ichatgw.model import Ending, EndReason, InCall
from ichatgw.runtime.nulls import unheard

GONE = Ending(EndReason.UNAVAILABLE, "no party of the call any more")
"""Why a change is refused that no other party is there for."""


@implementer(ICall)
@define(eq=False)
class NoCall:
    """The call of a leg that no call has taken, or whose call is over."""

    id: str = "-"

    peer = ringing = progressing = answered = changed = ended = unheard

    def handed(self, leg: ILeg, message: IMessage) -> None:
        """There is no other party."""
        message.undeliverable()

    def referred(self, leg: ILeg, referral: IReferral) -> None:
        """There is nothing to connect."""
        referral.declined()


@implementer(IMessage)
@frozen
class Unanswered:
    """Something that a party says to the other one without waiting for an answer."""

    value: InCall

    answered = undeliverable = unheard
