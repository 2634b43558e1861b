# -*- test-case-name: ichatgw.test.sip.test_endpoint,ichatgw.test.sip.register.test_client,ichatgw.test.sip.test_transports,ichatgw.test.sip.transfer.test_outofdialogrefer,ichatgw.test.sip.texts.test_messages -*-  # noqa: E501
"""
Makes outbound SIP legs for called addresses, and clients for registrars.
"""

from __future__ import annotations

from functools import partial

from sippy.SipAddress import SipAddress
from sippy.SipContact import SipContact
from sippy.SipHeader import SipHeader
from sippy.SipResponse import SipResponse
from sippy.SipURL import SipURL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw.errors import CallError
from ichatgw.interfaces import IDialer
from ichatgw.model import Party, TransportAddress
from ichatgw.net.hosts import literal
from ichatgw.runtime.nulls import unheard
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.sip.auth.authorization import Answers, Authorizer
from ichatgw.sip.dialog.dialog import Dialog
from ichatgw.sip.dialog.invite import Inviting
from ichatgw.sip.dialog.sessiontimer import NO_TERMS, SessionTerms
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.outbound import Offering, OutboundSipLeg
from ichatgw.sip.leg.registry import Legs
from ichatgw.sip.mailbox.users import UserMailboxes
from ichatgw.sip.mailbox.wanted import Wanted
from ichatgw.sip.message.identity import identityHeaders, presentedAs, shownAs
from ichatgw.sip.message.uris import Misaddressed, parse
from ichatgw.sip.options import SIPOptions
from ichatgw.sip.register.client import RegisterClient
from ichatgw.sip.texts.posts import HostPost
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transaction.outofdialog import Make, OutOfDialogRequest
from ichatgw.sip.transaction.targetset import Attempt, TargetSet
from ichatgw.sip.transaction.way import Way
from ichatgw.sip.transfer.outofdialogrefer import OutOfDialogRefer
from ichatgw.sip.transfer.refer import Referrals
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.transport.target import Target, Transport

_log = Logger()


@implementer(IDialer)
class Dialer:
    """
    @param logins: what we log in with at servers.
    @param options: how calls are made.
    @param terms: what is asked for of session timers.
    """

    def __init__(
        self,
        clock: IReactorTime,
        transactions: Transactions,
        resolver: Resolver,
        legs: Legs,
        logins: Authorizer,
        options: SIPOptions,
        terms: SessionTerms = NO_TERMS,
    ) -> None:
        self._clock = clock
        self._transactions = transactions
        self._resolver = resolver
        self._legs = legs
        self._userAgent = options.userAgent
        self._identity = options.identity
        self._way = Way(clock, resolver, logins, options.outboundProxy)
        self._offering = Offering(options.filtered, options.policy)
        self._pinnedOffering = Offering(options.filtered)
        self._asserts = options.assertsIdentity
        self._terms = terms

    def seekProxy(self) -> Deferred[object]:
        """Look the outbound proxy up, if there is one: it may call us before we call through it."""
        return self._way.seek().addErrback(self._notFound)

    def _notFound(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            failure.trap(CallError)
            assert self._way.server is not None
            _log.warn(
                "OutboundProxy {host} cannot be found now: {why}",
                host=self._way.server[0],
                why=failure.getErrorMessage(),
            )

    def isProxy(self, host: str) -> bool:
        """Is C{host}, an IP literal, one where the outbound proxy has been found?"""
        return self._way.leadsTo(host)

    def dial(self, called: str, caller: Party) -> OutboundSipLeg:
        """See L{IDialer}.  The address is looked up when the leg starts."""
        return self.dialAt(called, caller, None)

    def pinned(self) -> IDialer:
        """
        A dialer for far ends that are reached at one literal address and nowhere else, as an iChat is: every request
        of the dialog goes there.
        """
        return _Pinned(self)

    def dialAt(self, called: str, caller: Party, pinned: TransportAddress | None) -> OutboundSipLeg:
        target = parse(called)
        from_ = presentedAs(shownAs(caller), self._identity)

        def converse(leg: SipLeg) -> Dialog:
            if pinned is not None:
                return Dialog(self._transactions, leg, self._userAgent, pinned)
            return Dialog(self._transactions, leg, self._userAgent, None, self._way.logins.begin(), self._terms)

        def prepare(dialog: Inviting, attempt: Attempt) -> tuple[SipHeader, ...]:
            dialog.hops = caller.hops
            if dialog.answers is not None:
                dialog.answers.domain = attempt.uri.host
            dialog.address(
                from_.getCopy(),
                SipAddress(url=parse(called)),
                attempt.uri.getCopy(),
                self._way.routes() if pinned is None else [],
                self._transactions.contact(attempt.target, from_.url.username or "", attempt.uri.scheme == "sips"),
            )
            return () if pinned is not None else identityHeaders(caller, self._asserts)

        leg = OutboundSipLeg(
            self._legs.name("out"),
            Party(called),
            self._legs.discard,
            self._way.hunt(target) if pinned is None else self._pinnedHunt(target),
            converse,
            prepare,
            self._offering if pinned is None else self._pinnedOffering,
            partial(self._legs.mayLead, None),
        )
        self._legs.add(leg)
        return leg

    def _pinnedHunt(self, url: SipURL) -> TargetSet:
        """One target.  That an iChat does not answer is not remembered for other calls."""
        return TargetSet(
            self._clock, url, lambda uri: self._resolver.targets(uri.host, uri.port, Transport.UDP), unheard, 0
        )

    def outside(self, referrals: Referrals) -> OutOfDialogRefer:
        """Takes REFERs that come outside of dialogs."""

        def exchange(url: SipURL, make: Make) -> Deferred[SipResponse]:
            return OutOfDialogRequest(
                self._transactions, self._way.hunt(url, 0), self._way.logins.begin(), make
            ).start()

        def contact(target: Target) -> SipContact:
            return self._transactions.contact(target, None)

        return OutOfDialogRefer(
            self._legs, referrals, self._userAgent, exchange, contact, RateLimit(self._clock, 1, 10)
        )

    def post(self, to: str) -> HostPost:
        """
        How a text to an address leaves.

        @raise Misaddressed: if it is none.
        """
        return HostPost(self._transactions, self._way, parse(to), self._identity, self._asserts)

    def mailboxes(self, wanted: Wanted) -> UserMailboxes:
        """Subscribes to the mailboxes of users by the way of all requests."""
        return UserMailboxes(self._transactions, wanted, self._way)

    def registrar(self) -> RegisterClient:
        """Sends REGISTERs, by the way of each; those that have none, and that the outbound proxy is to see, by it."""

        def exchange(way: Way, url: SipURL, make: Make, answers: Answers) -> Deferred[SipResponse]:
            return OutOfDialogRequest(self._transactions, way.hunt(url), answers, make).start()

        def contact(attempt: Attempt, user: str | None) -> SipContact:
            return self._transactions.contact(attempt.target, user, attempt.uri.scheme == "sips")

        return RegisterClient(exchange, contact, self._way, self._userAgent)


@implementer(IDialer)
class _Pinned:
    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer

    def dial(self, called: str, caller: Party) -> OutboundSipLeg:
        """See L{IDialer}."""
        target = parse(called)
        pinned = literal(target.host, target.port or 5060)
        if pinned is None:
            raise Misaddressed(f"{called[:100]!r} names no IP address")
        return self._dialer.dialAt(called, caller, pinned)
