# -*- test-case-name: ichatgw.test.sip.trunk,ichatgw.test.phonebook.test_setup -*-
"""
Trunks as the SIP endpoint has them.
"""

from __future__ import annotations

from collections.abc import Callable

from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ichatgw.config.declared.trunks import Trunk
from ichatgw.model import Party
from ichatgw.runtime.steps import atOnce
from ichatgw.sip.auth.authorization import Answers, Authorizer
from ichatgw.sip.leg.mediasecurity import MediaPolicy
from ichatgw.sip.leg.outbound import OutboundSipLeg
from ichatgw.sip.leg.registry import Legs
from ichatgw.sip.mailbox.subscriptions import Subscriptions
from ichatgw.sip.mailbox.wanted import Wanted
from ichatgw.sip.message.uris import identity, parse
from ichatgw.sip.register.client import RegisterClient
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transaction.outofdialog import Make, OutOfDialogRequest
from ichatgw.sip.transaction.targetset import Attempt
from ichatgw.sip.transaction.way import Way
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.accounts import Accounts
from ichatgw.sip.trunk.arrivals import Arrival, Arrivals
from ichatgw.sip.trunk.dialer import Terms, TrunkDialer, policyOf
from ichatgw.sip.trunk.flow import Flow, serverURI
from ichatgw.sip.trunk.mailboxes import TrunkMailboxes
from ichatgw.sip.trunk.probing import Probe, best
from ichatgw.sip.trunk.registrations import TrunkRegistrations
from ichatgw.sip.trunk.texts import TrunkPost

OWN_ADDRESS_LIFE = 20.0
"""Seconds for which our own addresses are taken as known."""

_log = Logger()


class Trunks:
    """
    @ivar accounts: which there are.
    @ivar registrar: registers them.
    @ivar mailboxes: of theirs that are asked what waits there.
    @ivar forget: has our own addresses asked for anew.
    @ivar isUrgent: is that number to be called even by a trunk that has as many calls as it may?
    @param terms: what holds for all calls over SIP.
    @param perSecond: how many REGISTERs are sent in a second at most.
    """

    forget: Callable[[], object] = staticmethod(lambda: None)
    isUrgent: Callable[[str], bool] = staticmethod(lambda number: False)

    def __init__(
        self,
        clock: IReactorTime,
        transactions: Transactions,
        resolver: Resolver,
        legs: Legs,
        terms: Terms,
        perSecond: float,
    ) -> None:
        self._clock = clock
        self._transactions = transactions
        self._resolver = resolver
        self._userAgent = terms.userAgent
        self.registrar = RegisterClient(
            self._exchange, self._contact, Way(clock, resolver, Authorizer(), named="a trunk"), terms.userAgent
        )
        registrations = TrunkRegistrations(clock, self.registrar, perSecond)
        self.registrar.cut = self._cut
        self.accounts = Accounts(self._account, self._probe, registrations, atOnce)
        self._terms = terms
        self._looking: IDelayedCall | None = None
        self._arrivals = Arrivals(self.accounts, self.registrar.bindingOf)
        self._dialer = TrunkDialer(
            clock,
            transactions,
            resolver,
            legs,
            self.accounts,
            lambda flow: self.registrar.flowOf(flow.binding),
            terms,
        )
        subscriptions = Subscriptions(clock, transactions, terms.userAgent, perSecond)
        self.mailboxes = Wanted(subscriptions, atOnce)
        mailboxes = TrunkMailboxes(transactions, self.mailboxes, self._dialer.huntAt)
        self.accounts.ready = registrations.came = mailboxes.begin
        self.accounts.gone = mailboxes.end

    def _cut(self, flows: list[str]) -> None:
        """The ways are gone on which these were registered."""
        self.accounts.registrations.cut(flows)
        self.mailboxes.cut(flows)

    def dial(self, called: str, caller: Party) -> OutboundSipLeg | None:
        """
        See L{TrunkDialer.dial}; C{None} if C{called} names no trunk.

        @raise CallError: if there is no trunk for it now.
        """
        accounts = self._dialer.named(called)
        return self._dialer.dial(called, caller, accounts, self.isUrgent) if accounts else None

    def post(self, to: str) -> TrunkPost | None:
        """How a text to that address leaves; C{None} if it names no trunk."""
        accounts = self._dialer.named(to)
        if not accounts:
            return None
        hunt = self._dialer.hunt(to, accounts, self._askBy)
        return TrunkPost(self._transactions, hunt, self._terms.identity.user)

    def find(self, request: SipRequest, source: str) -> Arrival | None:
        """See L{Arrivals.find}."""
        return self._arrivals.find(request, source)

    def areAt(self, host: str) -> bool:
        """Is C{host}, an IP literal, the server of a trunk?"""
        return any(True for _ in self.accounts.at(host))

    def isTrunk(self, name: str) -> bool:
        """Is that, in lower case, the name of one?"""
        return self.accounts.get(name) is not None

    def loginsOf(self, name: str) -> Authorizer | None:
        """With what we log in by way of the trunk of that name, if there is one."""
        account = self.accounts.get(name)
        return None if account is None else account.logins

    def policyOf(self, account: Account) -> MediaPolicy:
        """How media of a trunk is protected."""
        return policyOf(account, self._terms.policy)

    def start(self) -> None:
        """Register and probe all, and look after our own addresses."""
        self.accounts.start()
        self._looking = self._clock.callLater(OWN_ADDRESS_LIFE, self._look) if len(self.accounts) else None

    def stop(self) -> Deferred[None]:
        """Fires when none is registered any more, and no mailbox subscribed to, or no server answers."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        stopped = DeferredList([self.mailboxes.stop(), self.accounts.stop()])
        return stopped.addCallback(lambda _: None)

    def _look(self) -> None:
        """If our address has changed, calls do not reach us: register under the new one."""
        self._looking = self._clock.callLater(OWN_ADDRESS_LIFE, self._look)
        self.forget()
        moved = self.registrar.moved()
        if moved:
            _log.info("Our own address has changed: {count} trunks are registered anew", count=len(moved))
            self._cut(moved)

    def _account(self, trunk: Trunk) -> Account:
        if self._looking is None and self.accounts.runs:
            self._looking = self._clock.callLater(OWN_ADDRESS_LIFE, self._look)
        return Account.of(trunk, self._clock, self._resolver)

    def _probe(self, account: Account) -> Probe:
        return Probe(account, self._clock, self._ask)

    def _exchange(self, way: Way, url: SipURL, make: Make, answers: Answers) -> Deferred[SipResponse]:
        return OutOfDialogRequest(self._transactions, way.hunt(url), answers, make).start()

    def _contact(self, attempt: Attempt, user: str | None) -> SipContact:
        return self._transactions.contact(attempt.target, user, attempt.uri.scheme == "sips")

    def _ask(self, account: Account) -> Deferred[int]:
        """Send an OPTIONS by each flow; gives the status of the best answer, which is the first that is not 503."""
        asked = [self._askBy(account, flow) for flow in account.flows]
        return asked[0] if len(asked) == 1 else best(asked)

    def _askBy(self, account: Account, flow: Flow) -> Deferred[int]:
        """It needs no login: a challenge is an answer, too."""
        url = parse(serverURI(account.trunk))
        us = parse(account.trunk.aor or serverURI(account.trunk))
        callId = SipCallId()

        def make(attempt: Attempt) -> SipRequest:
            from_ = SipFrom(address=SipAddress(url=identity(us)))
            from_.genTag()
            return SipRequest(
                method="OPTIONS",
                ruri=attempt.uri.getCopy(),
                fr0m=from_,
                to=SipTo(address=SipAddress(url=identity(url))),
                cseq=1,
                callid=callId,
                contact=self._contact(attempt, account.trunk.user or None),
                routes=flow.calling.routes(),
                target=attempt.target.sippyAddress,
                user_agent=self._userAgent,
            )

        hunt = flow.calling.hunt(url, 0)
        asked = OutOfDialogRequest(self._transactions, hunt, Answers(Authorizer()), make).start()
        return asked.addCallback(lambda response: int(response.getSCode()[0]))
