# -*- test-case-name: ichatgw.test.sip.texts.test_messages -*-
"""
How MESSAGEs leave: to the host of their address.  Those by trunks are in L{ichatgw.sip.trunk.texts}.
"""

from __future__ import annotations

from typing import Any, Protocol

from attrs import evolve, frozen
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

    def signed(self, writer: Party) -> tuple[Any, tuple[Any, ...]]:
        """What From says, sippy's C{SipAddress}, and the headers that say more."""

    def addressed(self, attempt: Attempt) -> Any:
        """What To says, sippy's C{SipURL}."""

    def routes(self) -> list[Any]:
        """The Route headers."""

    def send(self, make: Make) -> Deferred[Any]:
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
    called: Any
    identity: Party
    asserts: bool

    def signed(self, writer: Party) -> tuple[Any, tuple[Any, ...]]:
        """See L{Post}."""
        address = presentedAs(shownAs(writer), self.identity)
        address.url = identity(address.url)
        return address, identityHeaders(evolve(writer, diversions=()), self.asserts)

    def addressed(self, attempt: Attempt) -> Any:
        """See L{Post}."""
        return identity(self.called)

    def routes(self) -> list[Any]:
        """See L{Post}."""
        return self._way.routes()

    def send(self, make: Make) -> Deferred[Any]:
        """See L{Post}."""
        hunt = self._way.hunt(self.called)
        return OutOfDialogRequest(self._transactions, hunt, self._way.logins.begin(), make).start()
