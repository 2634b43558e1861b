# -*- test-case-name: ichatgw.test.sip.mailbox -*-
"""
The mailboxes of trunks: each trunk with a C{TrunkMailbox} asks its server what waits there, as soon as it is registered
if it is to be.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from sippy.SipContact import SipContact
from sippy.SipHeader import SipHeader
from sippy.SipRoute import SipRoute
from twisted.internet.defer import Deferred

from ichatgw.model import Party
from ichatgw.net.networks import sourceOf
from ichatgw.runtime.steps import Steps, TakesSteps
from ichatgw.sip.mailbox.dialog import Mailbox
from ichatgw.sip.mailbox.subscriptions import Subscriptions
from ichatgw.sip.message.syntax import escaped
from ichatgw.sip.message.uris import parse
from ichatgw.sip.texts.summary import Summary
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transport.target import Target
from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.flow import dialogContact, serverURI
from ichatgw.sip.trunk.hunt import TrunkHunt
from ichatgw.sip.trunk.texts import TrunkLogins
from ichatgw.trunks.routes import calledBy

Tell = Callable[[Summary, Party, str], object]
"""Has the one who is called by an address told what a server says of their mailbox."""


class TrunkOpening:
    """
    See L{ichatgw.sip.mailbox.dialog.Opening}.

    @ivar hunt: the attempts at the trunk's server.
    @ivar logins: answers that.
    """

    def __init__(self, transactions: Transactions, hunt: TrunkHunt) -> None:
        self._transactions = transactions
        self.hunt = hunt
        self.logins = TrunkLogins(hunt)

    def routes(self) -> list[SipRoute]:
        """Those of the flow that is tried."""
        return self.hunt.way.flow.calling.routes()

    def contact(self, target: Target) -> tuple[SipContact, tuple[SipHeader, ...]]:
        """As in calls by that flow."""
        trunk = self.hunt.account.trunk
        plain = self._transactions.contact(target, trunk.user or None)
        return dialogContact(self.hunt.way.flow, plain, escaped(trunk.mailbox), False)


@define(eq=False)
class TrunkMailboxes:
    """
    @ivar hunt: gives the attempts at a user of a trunk's server.
    @ivar sweep: has subscriptions begun and ended in parts.
    """

    _transactions: Transactions
    _subscriptions: Subscriptions
    hunt: Callable[[Account, str], TrunkHunt]
    sweep: TakesSteps
    _tell: Tell | None = field(default=None, init=False)
    _begun: dict[str, Account] = field(factory=dict, init=False)

    def listen(self, tell: Tell | None) -> None:
        """
        Ask from now on, or do not.

        @param tell: takes what is said; C{None} if there is nobody to be told.
        """
        if tell != self._tell:
            self._tell = tell
            self.sweep(self._changing())

    def _changing(self) -> Steps[None]:
        for key, account in tuple(self._begun.items()):
            if self._tell is None:
                self._subscriptions.leave(key)
            elif self._begun.get(key) is account:
                self.begin(account)
            yield

    def cut(self, keys: list[str]) -> None:
        """The ways are gone on which these flows were registered."""
        self._subscriptions.cut(keys)

    def stop(self) -> Deferred[None]:
        """See L{Subscriptions.stop}."""
        self._begun.clear()
        return self._subscriptions.stop()

    def begin(self, account: Account) -> None:
        """The trunk works from now on, or again."""
        if account.trunk.mailbox:
            self._begun[_keyOf(account)] = account
            if self._tell is not None:
                self._subscriptions.keep(self._mailbox(account))

    def end(self, account: Account) -> None:
        """There is no such trunk any more."""
        self._begun.pop(_keyOf(account), None)
        self._subscriptions.leave(_keyOf(account))

    def _mailbox(self, account: Account) -> Mailbox:
        trunk = account.trunk
        url = parse(serverURI(trunk, escaped(trunk.mailbox)))
        own = parse(trunk.aor) if trunk.aor else url
        return Mailbox(
            _keyOf(account),
            f"Mailbox of trunk {trunk.name}",
            url,
            own,
            lambda: TrunkOpening(self._transactions, self.hunt(account, escaped(trunk.mailbox))),
            lambda summary, host: self._told(account, str(url), summary, host),
        )

    def _told(self, account: Account, uri: str, summary: Summary, host: str) -> None:
        if self._tell is not None:
            server = Party(uri, origin=sourceOf(host), trunk=account.trunk.name)
            self._tell(summary, server, calledBy(account.trunk.name, numberOfMailbox(account)))


def numberOfMailbox(account: Account) -> str:
    """Whose mailbox it is: that of a number of the trunk, or of all that it has, which its first one stands for."""
    trunk = account.trunk
    if trunk.own(trunk.mailbox):
        return trunk.own(trunk.mailbox)
    isWhole = trunk.mailbox in (trunk.user, trunk.login)
    return trunk.numbers[0] if isWhole and trunk.numbers else trunk.mailbox


def _keyOf(account: Account) -> str:
    return account.flows[0].binding.key
