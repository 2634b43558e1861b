# -*- test-case-name: ichatgw.test.sip.texts.test_messages -*-
"""
How MESSAGEs leave: to the host of their address.  Those by trunks are in L{ichatgw.sip.trunk.texts}.
"""

from __future__ import annotations

from typing import Protocol

from attrs import evolve, frozen
from sippy.SipAddress import SipAddress
from sippy.SipHeader import SipHeader
from sippy.SipResponse import SipResponse
from sippy.SipRoute import SipRoute
from sippy.SipURL import SipURL
from twisted.internet.defer import Deferred

from ichatgw.model import Party
from ichatgw.sip.message.identity import identityHeaders, presentedAs, shownAs
from ichatgw.sip.message.uris import identity
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transaction.outofdialog import Make, OutOfDialogRequest
from ichatgw.sip.transaction.targetset import Attempt
from ichatgw.sip.transaction.way import Way


class Post(Protocol):
    """How the MESSAGEs to one address leave, and what they say of their writer."""

    def signed(self, writer: Party) -> tuple[SipAddress, tuple[SipHeader, ...]]:
        """What From says, sippy's C{SipAddress}, and the headers that say more."""

    def addressed(self, attempt: Attempt) -> SipURL:
        """What To says, sippy's C{SipURL}."""

    def routes(self) -> list[SipRoute]:
        """The Route headers."""

    def send(self, make: Make) -> Deferred[SipResponse]:
        """Carry out a request; see L{OutOfDialogRequest}."""


@frozen(eq=False)
class HostPost:
    """
    To the host of an address, or by the outbound proxy.

    @ivar called: the address, sippy's C{SipURL}.
    @ivar identity: who writes if the writer has no address of its own.
    @ivar asserts: whether readers are told who writes even if the writer is private to them.
    """

    _transactions: Transactions
    _way: Way
    called: SipURL
    identity: Party
    asserts: bool

    def signed(self, writer: Party) -> tuple[SipAddress, tuple[SipHeader, ...]]:
        """See L{Post}."""
        address = presentedAs(shownAs(writer), self.identity)
        address.url = identity(address.url)
        return address, identityHeaders(evolve(writer, diversions=()), self.asserts)

    def addressed(self, attempt: Attempt) -> SipURL:
        """See L{Post}."""
        return identity(self.called)

    def routes(self) -> list[SipRoute]:
        """See L{Post}."""
        return self._way.routes()

    def send(self, make: Make) -> Deferred[SipResponse]:
        """See L{Post}."""
        hunt = self._way.hunt(self.called)
        return OutOfDialogRequest(self._transactions, hunt, self._way.logins.begin(), make).start()
