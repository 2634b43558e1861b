# -*- test-case-name: ichatgw.test.sip.mailbox -*-
"""
The mailboxes of trunks: each trunk with a C{TrunkMailbox} asks its server what waits there, as soon as it is registered
if it is to be.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define
from sippy.SipContact import SipContact
from sippy.SipHeader import SipHeader
from sippy.SipRoute import SipRoute

from ichatgw.model import Party
from ichatgw.net.networks import sourceOf
from ichatgw.sip.mailbox.dialog import Mailbox
from ichatgw.sip.mailbox.wanted import Wanted
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
    """

    _transactions: Transactions
    _wanted: Wanted
    hunt: Callable[[Account, str], TrunkHunt]

    def begin(self, account: Account) -> None:
        """The trunk works from now on, or again."""
        if account.trunk.mailbox:
            self._wanted.want(self._mailbox(account))

    def end(self, account: Account) -> None:
        """There is no such trunk any more."""
        self._wanted.leave(_keyOf(account))

    def _mailbox(self, account: Account) -> Mailbox:
        trunk = account.trunk
        url = parse(serverURI(trunk, escaped(trunk.mailbox)))

        def told(summary: Summary, host: str) -> None:
            server = Party(str(url), origin=sourceOf(host), trunk=trunk.name)
            self._wanted.tell(summary, server, calledBy(trunk.name, numberOfMailbox(account)))

        return Mailbox(
            _keyOf(account),
            f"Mailbox of trunk {trunk.name}",
            url,
            parse(trunk.aor) if trunk.aor else url,
            lambda: TrunkOpening(self._transactions, self.hunt(account, escaped(trunk.mailbox))),
            told,
            _adviceOn,
        )


def numberOfMailbox(account: Account) -> str:
    """Whose mailbox it is: that of a number of the trunk, or of all that it has, which its first one stands for."""
    trunk = account.trunk
    if trunk.own(trunk.mailbox):
        return trunk.own(trunk.mailbox)
    isWhole = trunk.mailbox in (trunk.user, trunk.login)
    return trunk.numbers[0] if isWhole and trunk.numbers else trunk.mailbox


def _keyOf(account: Account) -> str:
    return account.flows[0].binding.key


def _adviceOn(why: str) -> str:
    if why.startswith(("401", "407")):
        return "are TrunkUser, TrunkLogin and TrunkPassword right?"
    if why.startswith(("404", "410", "484", "604")) or "noresource" in why:
        return "is TrunkMailbox the user of a mailbox there?"
    if why.startswith(("403", "402", "606")) or "rejected" in why:
        return "may the account hear of the mailbox in TrunkMailbox?"
    return "leave TrunkMailbox out if it has no voicemail, or tells of it unasked"
