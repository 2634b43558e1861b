# -*- test-case-name: ichatgw.test.sip.leg.test_contract -*-
"""
The interfaces between a SIP leg, its parts and its surroundings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sippy.SipRequest import SipRequest
from zope.interface import Attribute

from ichatgw.interfaces import ILeg
from ichatgw.sip.dialog.dialog import Dialog
from ichatgw.sip.dialog.reinvite import Reoffers
from ichatgw.sip.dialog.requests import Reply
from ichatgw.sip.leg.telling import Telling

_Given = TypeVar("_Given")
_Leg = TypeVar("_Leg", contravariant=True)


class ISipLeg(ILeg):
    """A leg, as what negotiates for it and what speaks for its party see it."""

    dialog: Dialog | None = Attribute("With whom all is said; C{None} before there is one.")
    reoffers: Reoffers | None = Attribute("The offers within that dialog.")
    isAnswered: bool = Attribute("Who was called has accepted.")
    isOver: bool = Attribute("The leg has ended.")
    telling: Telling = Attribute("When its party is told who is at the other end.")
    signallingHost: str = Attribute("Where its messages go, an IP literal; empty before that is known.")

    def guarded(order: Callable[[_Given], None], argument: _Given) -> None:
        """Do what may fail: then the leg ends.  After its end nothing is done."""


class Transfers(Protocol[_Leg]):
    """Takes what a party refers."""

    def referred(self, leg: _Leg, request: SipRequest) -> Reply:
        """The party of C{leg} refers its peer; what to answer."""

    def subscribed(self, leg: _Leg, request: SipRequest) -> Reply:
        """The party of C{leg} wants to hear longer of its REFER, or no more; what to answer."""

    def left(self, leg: _Leg) -> None:
        """The call of C{leg} is over."""
