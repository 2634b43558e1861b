# -*- test-case-name: ichatgw.test.sip.dialog.test_requests,ichatgw.test.sip.dialog.test_sessiontimer,ichatgw.test.sip.auth.test_authorization,ichatgw.test.sip.test_anything,ichatgw.test.sip.transport.test_keepalive,ichatgw.test.sip.transaction.test_farewells -*-  # noqa: E501
"""
What goes on within a dialog, between its beginning and its end: requests of ours, offers, and the timer of the session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from sippy.CCEvents import CCEventGeneric
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTo import SipTo
from sippy.SipTransactionManager import SipTransaction
from sippy.SipURL import SipURL
from sippy.UA import UA
from sippy.UaStateDead import UaStateDead
from sippy.UaStateDisconnected import UaStateDisconnected
from sippy.UaStateFailed import UaStateFailed

from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.runtime.nulls import unheard
from ichatgw.sip.auth.authorization import Answers
from ichatgw.sip.dialog.capabilities import allow, supported
from ichatgw.sip.dialog.prack import TAG
from ichatgw.sip.dialog.reinvite import Changes, Reoffers
from ichatgw.sip.dialog.remotetarget import RemoteTarget
from ichatgw.sip.dialog.requests import Challengeable, DialogRequest, Reply
from ichatgw.sip.dialog.sessiontimer import AGAIN, SessionTerms, SessionTimer
from ichatgw.sip.message.remotereason import LastWords
from ichatgw.sip.message.uris import identity
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transport.target import Target

NO_TERMS = SessionTerms()
"""We ask for no session timer."""


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


class _Nobody:
    """The owner of a dialog that is over: a null object."""

    def event(self, event: CCEventGeneric, dialog: UA) -> None:
        """Unheard."""

    def requested(self, request: SipRequest) -> Reply | None:
        """Unheard."""
        return None

    def lost(self, ending: Ending) -> None:
        """Unheard."""

    def identified(self, message: SipMsg) -> None:
        """Unheard."""

    @property
    def changes(self) -> Changes:
        """Nothing changes any more."""
        raise AttributeError("the dialog is dead")


_NOBODY = _Nobody()


class DialogCore(UA):
    """
    @ivar pinned: where everything goes, whatever the far end says of itself; C{None} for the usual rules.
    @ivar remote: where the far end is.
    @ivar mark: by what the INVITE that began the dialog is known if it comes by another way too: From tag, CSeq, and
        what it calls; C{None} if it is ours.
    @ivar hops: how many servers our INVITEs may pass; C{None} for as many as usual.
    @ivar owner: the leg.
    @ivar answers: to challenges; C{None} if none is answered.
    @ivar words: what the far end says of the end of the call.
    @ivar given: the logins of the INVITE that was accepted.
    @param terms: what we ask for of session timers.
    @ivar reoffers: which offer is open, and offers within the call.
    @ivar session: the timer of the session.
    """

    def __init__(
        self,
        transactions: Transactions,
        owner: Owner,
        userAgent: str,
        pinned: TransportAddress | None,
        answers: Answers | None,
        terms: SessionTerms,
    ) -> None:
        self.owner = owner
        self.answers = answers
        self.given: list[SipHeader] = []
        self.words = LastWords()
        self.isCaller = False
        self.reoffers = Reoffers(self)
        self.session = SessionTimer(self, terms)
        self._refreshesByInvite = False
        self._afterAck: list[Callable[[], object]] = []
        self.pinned = pinned
        self.remote = RemoteTarget(transactions, pinned)
        self.mark: tuple[object, ...] | None = None
        self.hops: int | None = None
        super().__init__(transactions.global_config, owner.event)
        self.local_ua = userAgent

    @property
    def rAddr(self) -> tuple[tuple[str, int], str] | None:
        """Where the next request goes, as sippy has it: C{((host, port), transport)}."""
        return None if (hop := self.hop) is None else hop.sippyAddress

    @rAddr.setter
    def rAddr(self, value: tuple[tuple[str, int], str] | None) -> None:
        """sippy takes it from the route set, or else the remote target; C{setNextHop} from us."""
        self.remote.reached = value

    @property
    def _next(self) -> SipURL | None:
        """The URI by which the far end is reached, sippy's; C{None} if that is not known."""
        return self.routes[0].getUrl() if self.routes else self.rTarget

    @property
    def hop(self) -> Target | None:
        """Where the next request goes; C{None} if that is not known."""
        return self.remote.hop(self._next, bool(self.routes))

    @property
    def hopWithout(self) -> Target | None:
        """The same, if there were no connection to the far end any more."""
        return self.remote.hop(self._next, bool(self.routes), isOpen=False)

    @property
    def heardHop(self) -> Target | None:
        """L{hop}, once the far end has said something."""
        return None if self.remote.flow is None else self.hop

    def heardFrom(self, message: SipMsg) -> None:
        """See L{ichatgw.sip.dialog.requests.Conversation}."""
        self.remote.heard(message, bool(self.routes))

    def address(
        self, local: SipAddress, remote: SipAddress, target: SipURL, routes: Sequence[SipFrom], contact: SipContact
    ) -> None:
        """
        Set what an INVITE says of both ends (for L{Invite}'s C{prepare}); the ways to them that C{local} and C{remote}
        name are left out.
        """
        local.url, remote.url = identity(local.url), identity(remote.url)
        self.lUri = SipFrom(address=local)
        self.lUri.setTag(self.lTag)
        self.rUri = SipTo(address=remote)
        self.rTarget = target
        self.routes = routes
        self.lContact = contact

    def refreshTarget(self, message: SipMsg) -> None:
        """See L{ichatgw.sip.dialog.requests.Conversation}."""
        contacts = message.getHFBodys("contact")
        if contacts and not contacts[0].asterisk:
            self.rTarget = contacts[0].getUrl().getCopy()
            if not self.routes:
                self.rAddr = self.rTarget.getTAddr()

    def genRequest(
        self,
        method: str,
        body: MsgBody | None = None,
        cqop: object = None,
        extra_headers: Iterable[SipHeader] | None = None,
        max_forwards: int | None = None,
    ) -> SipRequest:
        """
        sippy makes a request: it holds what has been asked for in this dialog (RFC 3261 section 22.3).  A call that we
        pass on comes to an end as one that proxies do (RFC 7332).
        """
        if method == "INVITE":
            max_forwards = self.hops
        request = super().genRequest(method, body, cqop, extra_headers, max_forwards)
        if self.answers is not None:
            request.appendHeaders(self.answers.headers(request))
        return request

    def newTransaction(
        self, req: SipRequest, req_extra_headers: Iterable[SipHeader] | None = None, **kwa: Any
    ) -> SipTransaction | None:
        """sippy sends a request."""
        if self.answers is not None and req.getMethod() in ("BYE", "PRACK"):
            kwa.update(resp_cb=Challengeable(self, req).heard, cb_ifver=2)
        return self.transact(req, req_extra_headers=req_extra_headers, **kwa)

    def transact(self, request: SipRequest, **kwargs: Any) -> SipTransaction | None:
        """See L{ichatgw.sip.dialog.requests.Resending}."""
        hop = self.hop
        if hop is not None:
            self.remote.prove(hop, self._next)
        return super().newTransaction(request, **kwargs)

    @property
    def over(self) -> bool:
        """Is the dialog refused or ended?"""
        return isinstance(self.state, (UaStateFailed, UaStateDisconnected, UaStateDead))

    def cleanup(self) -> None:
        """sippy has no use for the dialog any more, and its owner gets no news of it: let go of all."""
        super().cleanup()
        self.owner = _NOBODY
        self.reoffers.letGo()
        self.session.letGo()

    def ask(
        self,
        method: str,
        heard: Callable[[SipResponse], None] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: MsgBody | None = None,
        isPassed: bool = False,
    ) -> None:
        """
        Send a request within the dialog, any but INVITE, ACK and BYE.  It logs in if that is asked for; if the answer
        means that the call is over, it is.

        @param heard: gets the final response, sippy's; if none comes it is a 408 or 503 of our own.  Not called once
            the dialog is over.
        @param body: see L{ichatgw.sip.dialog.requests.bodyOf}.
        @param isPassed: see L{ichatgw.sip.dialog.requests.endsCall}.
        @raise OSError: if the far end cannot be reached.
        """
        if self.state is None or self.over:
            return
        lines = [SipHeader(name=name, bodys=value) for name, value in headers]
        DialogRequest(self, method, heard or unheard, lines, body, isPassed).send()

    def notify(
        self, heard: Callable[[SipResponse], None], headers: Sequence[tuple[str, str]], body: MsgBody | None
    ) -> None:
        """
        Tell a subscriber, even if the call is over: a subscription outlives that (RFC 5057 section 4.1).

        @raise OSError: if the far end cannot be reached.
        """
        if self.state is not None:
            DialogRequest(
                self, "NOTIFY", heard, [SipHeader(name=name, bodys=value) for name, value in headers], body
            ).send()

    def lost(self, code: int, phrase: str) -> None:
        """A response to a request of ours means that the call is over."""
        self.owner.lost(Ending(EndReason.CONNECTIVITY, f"{code} {phrase}"[:100]))

    def afterAck(self, step: Callable[[], object]) -> None:
        """See L{ichatgw.sip.dialog.requests.Conversation}."""
        self._afterAck.append(step)

    def acknowledged(self) -> None:
        """The ACK is out."""
        steps, self._afterAck = self._afterAck, []
        for step in steps:
            step()

    def sessionHeaders(self) -> list[SipHeader]:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        return [] if self.pinned is not None else self.session.headers()

    def accepted(self, response: SipResponse) -> None:
        """See L{ichatgw.sip.dialog.requests.Conversation}."""
        self.refreshTarget(response)
        self.session.answered(response)

    def renewed(self, request: SipRequest) -> None:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        self.owner.identified(request)
        self.refreshTarget(request)

    def refresh(self) -> bool:
        """See L{ichatgw.sip.dialog.sessiontimer.Refreshing}."""
        if self._refreshesByInvite or not self.remote.allows("UPDATE", unless=False):
            return self.reoffers.refresh()
        return self.update()

    def update(self, *more: Any) -> bool:
        """
        Send an UPDATE without an offer (RFC 3311), which refreshes the session.

        @param more: headers, sippy's, for what else it says.
        @return: C{False} if that cannot be done now.
        """
        try:
            headers = [*self.ownHeaders(TAG), *self.sessionHeaders(), *more]
            DialogRequest(self, "UPDATE", self._refreshed, headers).send()
        except OSError:
            return False
        return True

    def _refreshed(self, response: SipResponse) -> None:
        """The answer to an UPDATE that had nothing else to say."""
        code = response.getSCode()[0]
        if code == 422 and self.session.refused(response):
            self.session.again(0)
        elif code >= 300:
            self._refreshesByInvite = code in (405, 420, 501)
            self.session.again(0 if self._refreshesByInvite else AGAIN)

    def unacknowledged(self) -> None:
        """A 200 of ours was never acknowledged (RFC 3261 section 13.3.1.4)."""
        if not self.over:
            self.owner.lost(Ending(EndReason.CONNECTIVITY, "our answer was never acknowledged"))

    def expired(self) -> None:
        """See L{ichatgw.sip.dialog.sessiontimer.Refreshing}."""
        if not self.over:
            self.owner.lost(Ending(EndReason.EXPIRED, "the session was not refreshed in time"))

    @property
    def changes(self) -> Changes:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        return self.owner.changes

    def respond(self, response: SipResponse, acknowledged: Callable[[SipRequest], None] | None = None) -> None:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        manager = self.global_config["_sip_tm"]
        transaction = manager.tserver.get(response.getTId(wBRN=True))
        if transaction is not None:
            manager.sendResponse(response, transaction, ack_cb=acknowledged)

    def ownHeaders(self, *without: str) -> list[SipHeader]:
        """
        See L{ichatgw.sip.dialog.reinvite.OfferCarrier}.  An iChat, whose dialog is pinned, has not heard of extensions.
        """
        return [allow()] if self.pinned is not None else [allow(), supported(*without)]
