# -*- test-case-name: ichatgw.test.sip.dialog.test_requests,ichatgw.test.sip.dialog.test_sessiontimer,ichatgw.test.sip.auth.test_authorization,ichatgw.test.sip.test_anything -*-  # noqa: E501
"""
What goes on within a dialog, between its beginning and its end: requests of ours, offers, and the timer of the session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from sippy.SipHeader import SipHeader
from sippy.UaStateDead import UaStateDead
from sippy.UaStateDisconnected import UaStateDisconnected
from sippy.UaStateFailed import UaStateFailed
from twisted.logger import Logger

from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.sip.auth.authorization import MOST_LOGINS, Answers
from ichatgw.sip.dialog.capabilities import allow, supported
from ichatgw.sip.dialog.prack import TAG
from ichatgw.sip.dialog.reinvite import Changes, Reoffers
from ichatgw.sip.dialog.remotetarget import FarEnd
from ichatgw.sip.dialog.requests import Asking, Reply, repeated
from ichatgw.sip.dialog.sessiontimer import AGAIN, SessionTerms, SessionTimer
from ichatgw.sip.transaction.layer import Transactions

_log = Logger()

NO_TERMS = SessionTerms()
"""We ask for no session timer."""


class Owner(Protocol):
    """Who takes a dialog's news: the leg."""

    def event(self, event: Any, dialog: Any) -> None:
        """One of sippy's C{CCEvent}s."""

    def requested(self, request: Any) -> Reply | None:
        """
        The far end sends a request that neither begins nor ends anything: INFO, MESSAGE and the like.

        @return: what to answer; C{None} if we do not take that, L{ichatgw.sip.dialog.requests.LATER} if the leg does
            it.
        """

    def lost(self, ending: Ending) -> None:
        """The far end does not know the call any more, or is not there."""

    def identified(self, message: Any) -> None:
        """A message within the call may say who is there now."""

    @property
    def changes(self) -> Changes:
        """Who makes and understands offers."""


class _Nobody:
    """The owner of a dialog that is dead."""

    def event(self, event: Any, dialog: Any) -> None:
        """Unheard."""

    def requested(self, request: Any) -> Reply | None:
        """Unheard."""
        return None

    def lost(self, ending: Ending) -> None:
        """Unheard."""

    def identified(self, message: Any) -> None:
        """Unheard."""

    @property
    def changes(self) -> Changes:
        """Nothing changes any more."""
        raise AttributeError("the dialog is dead")


_NOBODY = _Nobody()


def _unheard(response: Any) -> None:
    """Nobody wants to know."""


class Midway(FarEnd):
    """
    @ivar owner: the leg.
    @ivar answers: to challenges; C{None} if none is answered.
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
        self.given: list[Any] = []
        self.isCaller = False
        self.reoffers = Reoffers(self)
        self.session = SessionTimer(self, terms)
        self._refreshesByInvite = False
        self._afterAck: list[Callable[[], None]] = []
        super().__init__(transactions, owner.event, pinned)
        self.local_ua = userAgent

    def genRequest(
        self,
        method: str,
        body: Any = None,
        cqop: Any = None,
        extra_headers: Any = None,
        max_forwards: int | None = None,
    ) -> Any:
        """sippy makes a request: it holds what has been asked for in this dialog (RFC 3261 section 22.3)."""
        request = super().genRequest(method, body, cqop, extra_headers, max_forwards)
        if self.answers is not None:
            request.appendHeaders(self.answers.headers(request))
        return request

    def newTransaction(self, req: Any, **kwargs: Any) -> Any:
        """
        sippy sends a request.  A BYE and a PRACK are sent again if they are challenged (RFC 3261 section 22.2): whoever
        counts the call would go on counting.
        """
        if self.answers is not None and req.getMethod() in ("BYE", "PRACK"):
            kwargs.update(resp_cb=partial(self._saidOnce, req, MOST_LOGINS), cb_ifver=2)
        return super().newTransaction(req, **kwargs)

    def _saidOnce(self, request: Any, left: int, response: Any, transaction: Any) -> None:
        if self.answers is None or response.source is None or response.getSCode()[0] not in (401, 407) or not left:
            return
        if not self.answers.challenged(request, response):
            return
        again = repeated(request, self.lCSeq)
        self.lCSeq += 1
        again.appendHeaders(self.answers.headers(again))
        try:
            super().newTransaction(again, resp_cb=partial(self._saidOnce, again, left - 1), cb_ifver=2)
        except OSError as problem:
            _log.debug("{method} cannot be sent again: {problem!r}", method=request.getMethod(), problem=problem)

    @property
    def over(self) -> bool:
        """Refused or ended."""
        return isinstance(self.state, (UaStateFailed, UaStateDisconnected, UaStateDead))

    def cleanup(self) -> None:
        """sippy has no use for the dialog any more, and whoever still knows it gets no news of it: let go of all."""
        super().cleanup()
        self.owner = _NOBODY
        self.reoffers.letGo()
        self.session.letGo()

    def ask(
        self,
        method: str,
        heard: Callable[[Any], None] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: Any = None,
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
        Asking(self, method, heard or _unheard, lines, body, isPassed).send()

    def notify(self, heard: Callable[[Any], None], headers: Sequence[tuple[str, str]], body: Any) -> None:
        """
        Tell a subscriber, even if the call is over: a subscription outlives that (RFC 5057 section 4.1).

        @raise OSError: if the far end cannot be reached.
        """
        if self.state is not None:
            Asking(self, "NOTIFY", heard, [SipHeader(name=name, bodys=value) for name, value in headers], body).send()

    def lost(self, code: int, phrase: str) -> None:
        """A response to a request of ours means that the call is over."""
        self.owner.lost(Ending(EndReason.CONNECTIVITY, f"{code} {phrase}"[:100]))

    def afterAck(self, step: Callable[[], None]) -> None:
        """See L{ichatgw.sip.dialog.requests.Conversation}."""
        self._afterAck.append(step)

    def acknowledged(self) -> None:
        """The ACK is out."""
        steps, self._afterAck = self._afterAck, []
        for step in steps:
            step()

    def sessionHeaders(self) -> list[Any]:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        return [] if self.pinned is not None else self.session.headers()

    def accepted(self, response: Any) -> None:
        """See L{ichatgw.sip.dialog.requests.Conversation}."""
        self.refreshTarget(response)
        self.session.answered(response)

    def renewed(self, request: Any) -> None:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        self.owner.identified(request)
        self.refreshTarget(request)

    def refresh(self) -> bool:
        """See L{ichatgw.sip.dialog.sessiontimer.Refreshing}."""
        if self._refreshesByInvite or not self.allows("UPDATE", unless=False):
            return self.reoffers.refresh()
        try:
            Asking(self, "UPDATE", self._refreshed, [*self.ownHeaders(TAG), *self.sessionHeaders()]).send()
        except OSError:
            return False
        return True

    def _refreshed(self, response: Any) -> None:
        """The answer to an UPDATE that had nothing else to say."""
        code = response.getSCode()[0]
        if code == 422 and self.session.refused(response):
            self.session.again(0)
        elif code >= 300:
            self._refreshesByInvite = code in (405, 420, 501)
            self.session.again(0 if self._refreshesByInvite else AGAIN)

    def expired(self) -> None:
        """See L{ichatgw.sip.dialog.sessiontimer.Refreshing}."""
        if not self.over:
            self.owner.lost(Ending(EndReason.EXPIRED, "the session was not refreshed in time"))

    @property
    def changes(self) -> Changes:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        return self.owner.changes

    def respond(self, response: Any, acknowledged: Callable[[Any], None] | None = None) -> None:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        manager = self.global_config["_sip_tm"]
        transaction = manager.tserver.get(response.getTId(wBRN=True))
        if transaction is not None:
            manager.sendResponse(response, transaction, ack_cb=acknowledged)

    def ownHeaders(self, *without: str) -> list[Any]:
        """
        See L{ichatgw.sip.dialog.reinvite.OfferCarrier}.  An iChat, whose dialog is pinned, has not heard of extensions.
        """
        return [allow()] if self.pinned is not None else [allow(), supported(*without)]
