# -*- test-case-name: ichatgw.test.sip.dialog.test_requests,ichatgw.test.sip.dialog.test_midcall,ichatgw.test.sip.dialog.test_vanished,ichatgw.test.sip.auth.test_authorization -*-  # noqa: E501
"""
Requests within a dialog, both ways (RFC 3261 section 12.2): INFO, MESSAGE, NOTIFY and others that neither begin nor end
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Protocol

from attrs import define, field, frozen
from sippy.MsgBody import MsgBody
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTransactionManager import SipTransaction
from twisted.logger import Logger

from ichatgw.sip.auth.authorization import CREDENTIALS, MAX_LOGINS, Answers
from ichatgw.sip.message.bodies import bodyOf

_log = Logger()

# RFC 5057 section 5: the far end, or the way to it, is not what it was.
_DIALOG_IS_OVER = frozenset({404, 410, 416, 482, 483, 484, 485, 502, 604})
# RFC 3261 section 12.2.1.2.  To the methods of a subscription they say that the subscription is over, not the call.
_CALL_IS_OVER = frozenset({408, 481})
_OF_SUBSCRIPTIONS = frozenset({"NOTIFY", "REFER", "SUBSCRIBE"})
# RFC 3428 section 4 and RFC 6086 section 4.2 leave it out, RFC 3262 has no use for it.
_WITHOUT_CONTACT = frozenset({"MESSAGE", "INFO", "PRACK"})

_REFRESHING = frozenset({"SUBSCRIBE", "NOTIFY", "REFER"})


@frozen
class Reply:
    """
    What a request is answered with.

    @ivar headers: names and bodies.
    @ivar body: text of the type C{contentType}; empty for none.
    """

    code: int
    phrase: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    contentType: str = ""

    def to(self, request: SipRequest, server: str) -> SipResponse:
        """The response, sippy's."""
        response = request.genResponse(self.code, self.phrase, server=server)
        response.appendHeaders([SipHeader(name=name, bodys=value) for name, value in self.headers])
        if self.body:
            response.setBody(bodyOf(self.body, self.contentType))
        return response


OK = Reply(200, "OK")

LATER = Reply(0, "")
"""In the place of a reply that follows."""


def endsCall(method: str, code: int, isPassed: bool = False) -> bool:
    """
    Does a response to a request of that method mean that the call is over?

    @param isPassed: it is another party's request, and what is said may be meant for that one.
    """
    if method == "OPTIONS":
        return code in _CALL_IS_OVER  # the rest is what a new INVITE would hear (RFC 3261 section 11.2)
    isOurs = not isPassed and method not in _OF_SUBSCRIPTIONS
    return code in _DIALOG_IS_OVER or (code in _CALL_IS_OVER and isOurs)


class Conversation(Protocol):
    """What a request of ours wants of its dialog."""

    answers: Answers | None

    @property
    def over(self) -> bool:
        """Is the dialog refused or ended?"""

    def genRequest(
        self,
        method: str,
        body: MsgBody | None = None,
        cqop: object = None,
        extra_headers: Iterable[SipHeader] | None = None,
    ) -> SipRequest: ...

    def newTransaction(
        self,
        req: SipRequest,
        *,
        resp_cb: Callable[[SipResponse, SipTransaction], None],
        cb_ifver: int,
    ) -> SipTransaction | None: ...

    def heardFrom(self, message: SipMsg) -> None:
        """A message of the far end has come."""

    def refreshTarget(self, message: SipMsg) -> None:
        """The far end may have another C{Contact} (RFC 3261 section 12.2.1.2)."""

    def accepted(self, response: SipResponse) -> None:
        """A 2xx to an INVITE or UPDATE has come: it may say something of the session, and of the C{Contact}."""

    def afterAck(self, step: Callable[[], object]) -> None:
        """Do it as soon as the ACK for what is being heard now is out."""

    def lost(self, code: int, phrase: str) -> None:
        """The far end does not know the call, or is not there."""


@define(eq=False)
class DialogRequest:
    """
    A request of ours, until it is answered.

    @ivar heard: called with the final response, sippy's, which may be a 408 or 503 of our own; not called once the
        dialog is over.
    @ivar isPassed: see L{endsCall}.
    """

    dialog: Conversation
    method: str
    heard: Callable[[SipResponse], None]
    headers: Sequence[SipHeader] = ()
    body: MsgBody | None = None
    isPassed: bool = False
    _logins: int = field(default=0, init=False)

    def send(self) -> None:
        """
        @raise OSError: if the far end cannot be reached.
        """
        request = self.dialog.genRequest(self.method, self.body, extra_headers=self.headers)
        if self.method in _WITHOUT_CONTACT:
            request.delHFs("contact")
        if request.getTarget() is None:
            raise OSError("it is not known where the far end is")
        self.dialog.newTransaction(request, resp_cb=lambda response, _: self._answered(request, response), cb_ifver=2)

    def _answered(self, request: SipRequest, response: SipResponse) -> None:
        code, _ = response.getSCode()
        if code < 200:
            return
        if response.source is None:  # it is our own
            self._digest(request, response)
            return
        if self.dialog.answers is not None:
            self.dialog.answers.heard(response)
        if not self.dialog.over:
            self._refresh(response, code)
        if self.method == "INVITE":
            self.dialog.afterAck(lambda: self._digest(request, response))
        else:
            self._digest(request, response)

    def _refresh(self, response: SipResponse, code: int) -> None:
        self.dialog.heardFrom(response)
        if code < 300 and self.method in ("INVITE", "UPDATE"):
            self.dialog.accepted(response)
        elif code < 300 and self.method in _REFRESHING:
            self.dialog.refreshTarget(response)

    def _digest(self, request: SipRequest, response: SipResponse) -> None:
        code, phrase = response.getSCode()
        # A NOTIFY may outlive the call.
        isNeeded = not self.dialog.over or self.method == "NOTIFY"
        if isNeeded and code in (401, 407) and self._mayLogIn(request, response):
            return
        if self.dialog.over:
            return
        self.heard(response)
        if endsCall(self.method, code, self.isPassed) and not self.dialog.over:
            self.dialog.lost(code, phrase)

    def _mayLogIn(self, request: SipRequest, response: SipResponse) -> bool:
        answers = self.dialog.answers
        if answers is None or self._logins >= MAX_LOGINS or not answers.challenged(request, response):
            return False
        self._logins += 1
        try:
            self.send()
        except OSError as problem:
            _notAgain(self.method, request.getHFBody("call-id"), problem)
            return False
        return True


class Resending(Protocol):
    """What the resending of a request that no caller waits for needs of its dialog."""

    answers: Answers | None
    lCSeq: int

    def transact(
        self,
        request: SipRequest,
        *,
        resp_cb: Callable[[SipResponse, SipTransaction], None],
        cb_ifver: int,
    ) -> SipTransaction | None:
        """
        Send a request as it is.

        @raise OSError: if the far end cannot be reached.
        """


@define(eq=False)
class Challengeable:
    """
    A BYE or PRACK of ours.  It is sent again if it is challenged (RFC 3261 section 22.2): a server that counts the call
    would go on counting.
    """

    dialog: Resending
    request: SipRequest
    _left: int = MAX_LOGINS

    def heard(self, response: SipResponse, transaction: SipTransaction) -> None:
        """A response to the request has come."""
        answers = self.dialog.answers
        if answers is None or response.source is None or response.getSCode()[0] not in (401, 407) or not self._left:
            return
        if not answers.challenged(self.request, response):
            return
        again = repeated(self.request, self.dialog.lCSeq)
        self.dialog.lCSeq += 1
        again.appendHeaders(answers.headers(again))
        follower = Challengeable(self.dialog, again, self._left - 1)
        try:
            self.dialog.transact(again, resp_cb=follower.heard, cb_ifver=2)
        except OSError as problem:
            _notAgain(again.getMethod(), again.getHFBody("call-id"), problem)


def _notAgain(method: str, callId: object, problem: OSError) -> None:
    _log.debug("{method} of {callId} cannot be sent again: {why!r}", method=method, callId=str(callId), why=problem)


def repeated(request: SipRequest, number: int) -> SipRequest:
    """
    The same request once more, to the same place, in a transaction of its own.

    @param number: its CSeq.
    """
    again = copy(request)
    again.headers = [header.getCopy() for header in request.headers if header.name not in CREDENTIALS]
    again.getHFBody("via").genBranch()
    again.getHFBody("cseq").cseq = number
    return again
