# -*- test-case-name: ichatgw.test.sip.mailbox -*-
"""
The dialog of a subscription: SUBSCRIBE goes out, NOTIFY comes in (RFC 6665 section 4.1).

It is created by the first NOTIFY or the 2xx to SUBSCRIBE, whatever comes first.  Of the dialogs that a SUBSCRIBE may
create if it is forked, it is the first one; the others hear 481, which ends them (section 4.1.2.4).
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex
from typing import Protocol

from attrs import define, field, frozen
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipExpires import SipExpires
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo
from sippy.SipTransactionManager import SipTransaction
from sippy.SipURL import SipURL
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ichatgw.errors import MalformedError
from ichatgw.runtime.clock import cancel
from ichatgw.sip.dialog.remotetarget import RemoteTarget
from ichatgw.sip.dialog.requests import OK, Reply
from ichatgw.sip.message.uris import identity
from ichatgw.sip.register.client import MAX_WAIT, Answer, numberIn
from ichatgw.sip.texts.notices import Standing, isAboutMailbox, standing, summaryIn
from ichatgw.sip.texts.summary import EVENT, SUMMARY, Summary
from ichatgw.sip.transaction.layer import Disposition, Transactions
from ichatgw.sip.transaction.outofdialog import Logins, OutOfDialogRequest
from ichatgw.sip.transaction.targetset import Attempt, TargetSet
from ichatgw.sip.transport.target import Target

LAST_NOTIFY = 5.0
"""Seconds for which a dialog takes a NOTIFY after its subscription has been ended by us (section 4.1.2.3)."""

_OTHER_EVENT = Reply(489, "Bad Event", (("allow-events", EVENT),))
_OTHER_METHOD = Reply(405, "Method Not Allowed", (("allow", "NOTIFY"),))
_OLD = Reply(500, "Out of Order")
_NO_CONTACT = Reply(400, "Exactly One Contact Is Needed")


class Opening(Protocol):
    """How a subscription is begun: the attempts at the server, and what is said to each."""

    @property
    def hunt(self) -> TargetSet: ...

    @property
    def logins(self) -> Logins: ...

    def routes(self) -> list[SipRoute]:
        """The Route headers of the attempt that is made now."""

    def contact(self, target: Target) -> tuple[SipContact, tuple[SipHeader, ...]]:
        """Our Contact for it, and the headers that go with that.  @raise OSError: if it cannot be reached."""


@frozen
class Mailbox:
    """
    A mailbox of which we want to know what waits in it.

    @ivar key: by which it is known to who wants it.
    @ivar name: how it is called in the log.
    @ivar url: its address, sippy's C{SipURL}.
    @ivar subscriber: who asks, likewise.
    @ivar open: how a subscription is begun now.
    @ivar told: takes what is said of it, and the host that says it.
    @ivar adviceOn: what to look at if the server refuses it for that reason.
    """

    key: str
    name: str
    url: SipURL
    subscriber: SipURL
    open: Callable[[], Opening]
    told: Callable[[Summary, str], None]
    adviceOn: Callable[[str], str]


@define(eq=False)
class MailboxDialog:
    """
    See L{ichatgw.sip.transaction.tables.KnownDialog}.

    @ivar heard: is told how it stands with the subscription by each NOTIFY.
    @ivar isNotified: there was one.
    @ivar mark: for the transaction layer; no INVITE began it.
    """

    _clock: IReactorTime
    _transactions: Transactions
    _userAgent: str
    _mailbox: Mailbox
    heard: Callable[[Standing], None]
    isNotified: bool = field(default=False, init=False)
    lTag: str = field(factory=lambda: token_hex(8), init=False)
    cId: SipCallId = field(factory=lambda: SipCallId(token_hex(16)), init=False)
    rUri: SipTo = field(init=False)
    remote: RemoteTarget = field(init=False)
    owner: object = field(default=None, init=False)
    mark: tuple[object, ...] | None = field(default=None, init=False)
    over: bool = field(default=False, init=False)
    _opening: Opening = field(init=False)
    _target: SipURL | None = field(default=None, init=False)
    _routes: list[SipRoute] = field(factory=list, init=False)
    _sequence: int = field(default=0, init=False)
    _lastHeard: int = field(default=-1, init=False)
    _isRegistered: bool = field(default=False, init=False)
    _closing: IDelayedCall | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.rUri = SipTo(address=SipAddress(url=identity(self._mailbox.url)))
        self.remote = RemoteTarget(self._transactions)

    @property
    def isEstablished(self) -> bool:
        """Does the server know it, as far as we know?"""
        return self._target is not None

    # SUBSCRIBE.

    def subscribe(self, seconds: int) -> Deferred[Answer]:
        """
        Begin the subscription, make it last, or with 0 C{seconds} end it.

        The Deferred fails with L{CallError} or C{OSError} if the server cannot be reached; it may be cancelled.
        """
        target, hop = self._target, self.remote.hop(self._next, bool(self._routes))
        if target is None and not seconds:
            self.close()
            return succeed(Answer(granted=0))
        if target is None:
            self._opening = self._mailbox.open()
            hunt = self._opening.hunt
        elif hop is None:
            return fail(OSError("the server has not said where it is"))
        else:
            hunt = TargetSet(self._clock, target, lambda url: succeed((hop,)), _pass, 0)
        request = OutOfDialogRequest(
            self._transactions, hunt, self._opening.logins, lambda attempt: self._make(attempt, seconds)
        )
        return request.start().addCallback(self._read, seconds)

    @property
    def _next(self) -> SipURL | None:
        return self._routes[0].getUrl() if self._routes else self._target

    def _make(self, attempt: Attempt, seconds: int) -> SipRequest:
        self._sequence += 1
        if self._target is None:
            self.remote.aim(attempt.target)
        self._begin()
        contact, headers = self._opening.contact(attempt.target)
        from_ = SipFrom(address=SipAddress(url=identity(self._mailbox.subscriber)))
        from_.setTag(self.lTag)
        request = SipRequest(
            method="SUBSCRIBE",
            ruri=attempt.uri.getCopy(),
            fr0m=from_,
            to=self.rUri.getCopy(),
            cseq=self._sequence,
            callid=self.cId,
            contact=contact,
            expires=SipExpires(number=seconds),
            routes=[route.getCopy() for route in self._routes] if self._target is not None else self._opening.routes(),
            target=attempt.target.sippyAddress,
            user_agent=self._userAgent,
        )
        named = (("event", EVENT), ("accept", SUMMARY), ("allow", "NOTIFY"))
        request.appendHeaders([*(SipHeader(name=name, bodys=value) for name, value in named), *headers])
        return request

    def _begin(self) -> None:
        """A NOTIFY may come before the response."""
        if not self._isRegistered and not self.over:
            self._isRegistered = True
            self._transactions.regConsumer(self, str(self.cId))

    def _read(self, response: SipResponse, seconds: int) -> Answer:
        code, phrase = response.getSCode()
        if not seconds:
            self._closing = self._clock.callLater(LAST_NOTIFY, self.close)
            return Answer(granted=0)
        if code < 300:
            tag = response.getHFBody("to").getTag()
            if tag is not None and self.rUri.getTag() in (None, tag):
                self.remote.heard(response, bool(self._routes))
                self._establish(response, tag, list(reversed(response.getHFBodys("record-route"))))
            stated = numberIn(response, "expires")
            granted = seconds if stated is None else min(stated, seconds)
            return Answer(granted, "" if granted else f"{code} for no time")
        retryAfter = numberIn(response, "retry-after")
        return Answer(
            text=f"{code} {phrase}"[:100],
            least=numberIn(response, "min-expires") if code == 423 else None,
            retryAfter=min(retryAfter, MAX_WAIT) if retryAfter is not None else None,
        )

    def _establish(self, message: SipMsg, tag: str, routes: list[SipFrom]) -> None:
        """The route stays as it was first; where the far end is may change (RFC 3261 section 12.2)."""
        if self.rUri.getTag() is None:
            self.rUri.setTag(tag)
            self._routes = [SipRoute(address=each.getUri().getCopy()) for each in routes]
        contacts = [each for each in message.getHFBodys("contact") if not each.asterisk]
        if contacts:
            self._target = contacts[0].getUrl().getCopy()
        hop = self._next
        if hop is not None:
            self.remote.reached = (hop.host, int(hop.port or 5060)), hop.transport or "udp"

    def close(self) -> None:
        """The dialog is over; a NOTIFY that comes hears 481."""
        self.over = True
        cancel(self._closing)
        if self._isRegistered:
            self._isRegistered = False
            self._transactions.unregConsumer(self, str(self.cId))

    # NOTIFY.

    def isYours(self, request: SipRequest) -> MailboxDialog | None:
        """sippy's question whether a request with its Call-ID is one of this dialog."""
        tag = request.getHFBody("from").getTag()
        isOurs = request.getHFBody("to").getTag() == self.lTag and tag is not None
        return self if isOurs and self.rUri.getTag() in (None, tag) else None

    def recvRequest(self, request: SipRequest, transaction: SipTransaction) -> Disposition:
        """sippy's callback for such a request."""
        return self._answer(request).to(request, self._userAgent), None, None

    def _answer(self, request: SipRequest) -> Reply:
        if request.getMethod() != "NOTIFY":
            return _OTHER_METHOD
        if not isAboutMailbox(request):
            return _OTHER_EVENT
        number = request.getHFBody("cseq").getCSeqNum()
        if number <= self._lastHeard:
            return _OLD
        contacts = request.getHFBodys("contact")
        if self._target is None and not any(not each.asterisk for each in contacts):
            return _NO_CONTACT
        self._lastHeard, self.isNotified = number, True
        self.remote.heard(request, bool(self._routes))
        self._establish(request, str(request.getHFBody("from").getTag()), list(request.getHFBodys("record-route")))
        try:
            summary = summaryIn(request)
        except MalformedError as problem:
            return Reply(400, f"{problem}".capitalize())
        finally:
            self.heard(standing(request))
        if summary is not None:
            self._mailbox.told(summary, self.remote.host)
        return OK


def _pass(target: Target) -> None:
    """A server that does not answer within a dialog may answer a new one."""
