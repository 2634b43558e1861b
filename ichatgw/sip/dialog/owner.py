# -*- test-case-name: ichatgw.test.sip.leg,ichatgw.test.sip.dialog -*-
"""
Who a dialog belongs to, and gives its news to.
"""

from __future__ import annotations

from typing import Protocol

from sippy.CCEvents import CCEventGeneric
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.UA import UA

from ichatgw.model import Ending
from ichatgw.sip.dialog.reinvite import Changes
from ichatgw.sip.dialog.requests import Reply


class Owner(Protocol):
    """Who takes a dialog's news: the leg."""

    def event(self, event: CCEventGeneric, dialog: UA) -> None:
        """One of sippy's C{CCEvent}s."""

    def requested(self, request: SipRequest) -> Reply | None:
        """
        The far end sends a request that neither begins nor ends anything: INFO, MESSAGE and the like.

        @return: what to answer; C{None} if we do not take that, L{ichatgw.sip.dialog.requests.LATER} if the leg does
            it.
        """

    def lost(self, ending: Ending) -> None:
        """The far end does not know the call any more, or is not there."""

    def identified(self, message: SipMsg) -> None:
        """A message within the call may name another remote party."""

    @property
    def changes(self) -> Changes:
        """Who makes and understands offers."""


class _NoOwner:
    """The owner of a dialog that is over: a null object."""

    def event(self, event: CCEventGeneric, dialog: UA) -> None:
        """Does nothing."""

    def requested(self, request: SipRequest) -> Reply | None:
        """Takes nothing."""
        return None

    def lost(self, ending: Ending) -> None:
        """Does nothing."""

    def identified(self, message: SipMsg) -> None:
        """Does nothing."""

    @property
    def changes(self) -> Changes:
        """Nothing changes any more."""
        raise AttributeError("the dialog is dead")


NO_OWNER: Owner = _NoOwner()
