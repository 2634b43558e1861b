# -*- test-case-name: ichatgw.test.sip.trunk.test_dialer -*-
"""
Calls that go out by trunks.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen
from sippy.SipAddress import SipAddress
from sippy.SipHeader import SipHeader
from twisted.internet.interfaces import IReactorTime

from ichatgw.address import Address
from ichatgw.config.declared.trunks import AS_PHONES
from ichatgw.errors import CallError
from ichatgw.model import EndReason, Party
from ichatgw.sip.dialog.dialog import Dialog
from ichatgw.sip.dialog.invite import Inviting
from ichatgw.sip.dialog.sessiontimer import SessionTerms
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.mediasecurity import Encryption, MediaPolicy
from ichatgw.sip.leg.outbound import Offering, OutboundSipLeg
from ichatgw.sip.leg.registry import Legs
from ichatgw.sip.leg.telling import Telling
from ichatgw.sip.message.syntax import escaped
from ichatgw.sip.message.uris import identity, parse
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transaction.targetset import Attempt
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.transport.target import Target
from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.accounts import Accounts
from ichatgw.sip.trunk.callerid import dialled, numberOf, presented
from ichatgw.sip.trunk.flow import Flow, dialogContact, serverURI
from ichatgw.sip.trunk.hunt import Asks, Passage, TrunkHunt


class NoTrunk(CallError):
    """All trunks of a rule have as many calls as they may."""

    reason = EndReason.CONGESTED


@frozen
class Terms:
    """
    What holds for all calls over SIP.

    @ivar identity: who calls if nothing else says it.
    @ivar filtered: payload types that are not offered.
    @ivar policy: how media is protected, where a trunk does not say it.
    """

    userAgent: str
    identity: Party
    filtered: frozenset[int]
    policy: MediaPolicy
    timers: SessionTerms


class TrunkDialer:
    """
    @param targetOf: where a flow is registered.
    """

    def __init__(
        self,
        clock: IReactorTime,
        transactions: Transactions,
        resolver: Resolver,
        legs: Legs,
        accounts: Accounts,
        targetOf: Callable[[Flow], Target | None],
        terms: Terms,
    ) -> None:
        self._clock = clock
        self._transactions = transactions
        self._resolver = resolver
        self._legs = legs
        self._accounts = accounts
        self._targetOf = targetOf
        self._terms = terms

    def named(self, called: str) -> list[Account]:
        """The trunks that stand in the place of the host in C{called}, in order; none if a host stands there."""
        names = Address(called).names if len(self._accounts) else ()
        return list(dict.fromkeys(account for name in names if (account := self._accounts.get(name)) is not None))

    def dial(
        self, called: str, caller: Party, accounts: list[Account], isUrgent: Callable[[str], bool]
    ) -> OutboundSipLeg:
        """
        Make a leg; see L{ichatgw.interfaces.IDialer}.

        @param isUrgent: is that number to be called even by a trunk that has as many calls as it may?
        @raise CallError: if there is no trunk for it now.
        """
        urgent = isUrgent(Address(called).user)
        free = [each for each in accounts if urgent or not each.isFull]
        if not free:
            raise NoTrunk("the trunks have as many calls as they may")
        hunt = self.hunt(called, free)
        leg = OutboundSipLeg(
            self._legs.name("out"),
            Party(called),
            lambda leg: self._over(leg, free),
            hunt,
            lambda leg: self._converse(leg, hunt),
            lambda dialog, attempt: self._prepare(dialog, attempt, hunt.way, caller),
            Offering(self._terms.filtered, lambda: policyOf(hunt.account, self._terms.policy)),
        )
        self._legs.add(leg)
        leg.telling = Telling.NEVER
        hunt.account.legs.add(leg)
        return leg

    def hunt(self, called: str, accounts: list[Account], ask: Asks | None = None) -> TrunkHunt:
        """
        The attempts at the number in C{called} by these trunks; one that does not work is tried last.

        @param ask: see L{TrunkHunt}.
        """
        inOrder = sorted(accounts, key=lambda each: not each.works)
        number = Address(called).user
        ways = [way for each in inOrder for way in self._ways(each, escaped(dialled(each.trunk, number)))]
        return self._hunt(ways, ask)

    def huntAt(self, account: Account, user: str) -> TrunkHunt:
        """
        The attempts at a user of the trunk's server.

        @param user: escaped.
        """
        return self._hunt(self._ways(account, user))

    def _hunt(self, ways: list[Passage], ask: Asks | None = None) -> TrunkHunt:
        return TrunkHunt(self._clock, ways, self._resolver.failed, self._targetOf, self._accounts.doubt, ask)

    def _ways(self, account: Account, user: str) -> list[Passage]:
        """By which a call can go; first those that are registered."""
        flows = sorted(account.flows, key=lambda flow: self._targetOf(flow) is None)
        return [Passage(account, flow, parse(serverURI(account.trunk, user))) for flow in flows]

    def _over(self, leg: SipLeg, accounts: list[Account]) -> None:
        for account in accounts:
            account.legs.discard(leg)
        self._legs.discard(leg)

    def _converse(self, leg: SipLeg, hunt: TrunkHunt) -> Dialog:
        for account in hunt.accounts:
            account.legs.discard(leg)
        hunt.account.legs.add(leg)
        logins = hunt.account.logins
        return Dialog(self._transactions, leg, self._terms.userAgent, None, logins.begin(), self._terms.timers)

    def _prepare(self, dialog: Inviting, attempt: Attempt, way: Passage, caller: Party) -> tuple[SipHeader, ...]:
        account = way.account
        dialog.hops = caller.hops
        if dialog.answers is not None:
            dialog.answers.domain = account.trunk.server.host
        from_, headers = presented(account.trunk, caller, self._terms.identity.user)
        plain = self._transactions.contact(attempt.target, account.trunk.user or None)
        contact, more = dialogContact(way.flow, plain, escaped(numberOf(account.trunk, caller)), caller.private)
        dialog.address(
            from_,
            SipAddress(url=identity(attempt.uri)),
            attempt.uri.getCopy(),
            way.flow.calling.routes(),
            contact,
        )
        return (*headers, *more)


def policyOf(account: Account, policy: MediaPolicy) -> MediaPolicy:
    """How media of a trunk is protected."""
    if account.trunk.mediaEncryption == AS_PHONES:
        return policy
    return evolve(policy, encryption=Encryption(account.trunk.mediaEncryption))
