# -*- test-case-name: ichatgw.test.sip.trunk.test_texts -*-
"""
Texts that go out by trunks: by the first that takes them, with the login of each.
"""

from __future__ import annotations

from attrs import evolve
from sippy.SipAddress import SipAddress
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipRoute import SipRoute
from sippy.SipURL import SipURL
from twisted.internet.defer import Deferred

from ichatgw.model import Party
from ichatgw.sip.auth.authorization import Answers
from ichatgw.sip.message.uris import identity
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transaction.outofdialog import Make, OutOfDialogRequest
from ichatgw.sip.transaction.targetset import Attempt
from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.callerid import presented
from ichatgw.sip.trunk.hunt import TrunkHunt


class TrunkPost:
    """
    How a MESSAGE leaves by trunks; see L{ichatgw.sip.texts.posts.Post}.

    @param hunt: the attempts at the trunks, for one MESSAGE.
    @param otherwise: the user part of From if the trunk has no user and the writer no number.
    """

    def __init__(self, transactions: Transactions, hunt: TrunkHunt, otherwise: str) -> None:
        self._transactions = transactions
        self._hunt = hunt
        self._otherwise = otherwise

    def signed(self, writer: Party) -> tuple[SipAddress, tuple[SipHeader, ...]]:
        """As the caller of a call by that trunk."""
        return presented(self._hunt.account.trunk, evolve(writer, diversions=()), self._otherwise)

    def addressed(self, attempt: Attempt) -> SipURL:
        """The number at that trunk."""
        return identity(attempt.uri)

    def routes(self) -> list[SipRoute]:
        """Those of that trunk."""
        return self._hunt.way.flow.calling.routes()

    def send(self, make: Make) -> Deferred[SipResponse]:
        """By one after another, until one has said something about its reader."""
        return OutOfDialogRequest(self._transactions, self._hunt, TrunkLogins(self._hunt), make).start()


class TrunkLogins:
    """Answers each trunk by what is its own."""

    def __init__(self, hunt: TrunkHunt) -> None:
        self._hunt = hunt
        self._begun: dict[Account, Answers] = {}

    def _current(self) -> Answers:
        account = self._hunt.account
        if account not in self._begun:
            answers = self._begun[account] = account.logins.begin()
            answers.domain = account.trunk.server.host
        return self._begun[account]

    def headers(self, request: SipRequest) -> list[SipHeader]:
        """See L{ichatgw.sip.transaction.outofdialog.Logins}."""
        return self._current().headers(request)

    def again(self, request: SipRequest, response: SipResponse) -> bool:
        """See L{ichatgw.sip.transaction.outofdialog.Logins}."""
        return self._current().again(request, response)

    def heard(self, response: SipResponse) -> None:
        """See L{ichatgw.sip.transaction.outofdialog.Logins}."""
        self._current().heard(response)
