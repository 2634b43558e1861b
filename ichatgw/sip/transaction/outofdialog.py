# -*- test-case-name: ichatgw.test.sip.transfer.test_outofdialogrefer,ichatgw.test.sip.register.test_client -*-
"""
One request outside dialogs, sent to one target after another until one has answered it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTransactionManager import SipTransaction
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ichatgw.errors import CallError
from ichatgw.sip.auth.authorization import MAX_LOGINS
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transaction.targetset import USE_PROXY, Attempt, TargetSet

Make = Callable[[Attempt], SipRequest]
"""Makes a request for an attempt."""


class Logins(Protocol):
    """Answers the challenges of those who are asked; L{ichatgw.sip.auth.authorization.Answers} does."""

    def headers(self, request: SipRequest) -> list[SipHeader]:
        """The logins that C{request}, which is complete but for them, goes out with."""

    def again(self, request: SipRequest, response: SipResponse) -> bool:
        """Is it of use to send C{request}, which got that response, again?"""

    def heard(self, response: SipResponse) -> None:
        """The response that is not followed by another try."""


class OutOfDialogRequest:
    """
    @param answers: to the challenges of those who are asked.
    @param make: makes the request; it is asked again, for another CSeq, each time that one is sent.
    """

    def __init__(self, transactions: Transactions, hunt: TargetSet, answers: Logins, make: Make) -> None:
        self._transactions = transactions
        self._hunt = hunt
        self._answers = answers
        self._make = make
        self._tries = 0
        self._looking: Deferred[None] | None = None
        self._transaction: SipTransaction | None = None
        self._answered: Deferred[SipResponse] = Deferred(lambda _: self._drop())

    def start(self) -> Deferred[SipResponse]:
        """
        The final response, sippy's; a 408 of our own if no target answered.

        The Deferred fails with L{CallError} if there is no target, C{OSError} if none can be reached.  It may be
        cancelled.
        """
        self._next()
        return self._answered

    def _next(self) -> None:
        self._tries = 0
        attempt = self._hunt.next()
        self._looking = attempt.addCallback(self._send)
        attempt.addErrback(self._unreachable)

    def _send(self, attempt: Attempt) -> None:
        self._looking = None
        request = self._make(attempt)
        request.appendHeaders(self._answers.headers(request))
        self._transactions.expect(attempt.target)
        transaction = self._transactions.newTransaction(
            request, lambda response, transaction: self._heard(attempt, request, response, transaction), cb_ifver=2
        )
        self._transaction = transaction
        self._hunt.watch(self._silent)

    def _silent(self) -> None:
        self._forget()
        self._next()

    def _heard(self, attempt: Attempt, request: SipRequest, response: SipResponse, transaction: SipTransaction) -> None:
        if transaction is not self._transaction:
            return
        code = response.getSCode()[0]
        if code < 200:
            self._hunt.heard()
            return
        self._transaction = None
        self._hunt.rest()
        if self._tries < MAX_LOGINS and self._answers.again(request, response):
            self._tries += 1
            self._guarded(self._send, attempt)
            return
        self._answers.heard(response)
        if code >= 300:
            if code < 400:
                self._hunt.redirect(response.getHFBodys("contact"), areProxies=code == USE_PROXY)
            else:
                self._hunt.refused(code, holds=False)
            if self._hunt.goesOn:
                self._next()
                return
        self._finish(response)

    def _guarded(self, step: Callable[..., None], *arguments: object) -> None:
        try:
            step(*arguments)
        except Exception:
            self._unreachable(Failure())

    def _unreachable(self, failure: Failure) -> None:
        self._looking = None
        if failure.check(CancelledError):
            return
        if failure.check(OSError):
            self._hunt.avoid()
        if failure.check(OSError, CallError) and self._hunt.goesOn:
            self._next()
        else:
            self._finish(failure)

    def _finish(self, result: SipResponse | Failure) -> None:
        if not self._answered.called:
            self._answered.callback(result)  # a Failure makes it fail

    def _drop(self) -> None:
        """The Deferred was cancelled: send to no further target."""
        self._hunt.rest()
        if self._looking is not None:
            self._looking.cancel()
        self._forget()

    def _forget(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            self._transactions.forget(transaction)
