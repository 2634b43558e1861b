# -*- test-case-name: ichatgw.test.sip.leg.test_incallmessages -*-
"""
INFO and MESSAGE that are not for us: what is in them is handed to the party at the other end of the call, and the
answer of that one goes back (RFC 6086, RFC 3428).

Each request is answered once, before it is given up at its sender's.  What the far end says of its own call with
us does not go back: the sender would take it for the end of his.
"""

from __future__ import annotations

from secrets import randbelow
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field
from sippy.MsgBody import DEFAULT_CTYPE
from sippy.Time.Timeout import Timeout
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.interfaces import IEnclosure
from ichatgw.model import Enclosed, Receipt
from ichatgw.sip.dialog.capabilities import METHODS
from ichatgw.sip.dialog.requests import LATER, Reply
from ichatgw.sip.message.bodies import bodyOf
from ichatgw.sip.message.sanitize import headerText

if TYPE_CHECKING:
    from ichatgw.sip.leg.leg import SipLeg

MOST_PENDING = 8
"""So many requests of one party wait for the answer of the other one."""

PATIENCE = 20.0
"""Seconds that the other party has.  The sender gives up after 32 s, some of which may have gone for repetitions."""

ILLEGIBLE = "\ufffd"
"""What L{ichatgw.sip.message.gate} has put in the place of octets that are no UTF-8."""

# RFC 4320 section 4.2 forbids 408 here, RFC 5057 section 5.1 has 480 and 481 say something of the call.
_UNREACHED = Receipt(504, "Server Time-out")
_ABOUT_THE_CALL = frozenset({408, 481})
_CHALLENGES = frozenset({401, 407})

_log = Logger()


@implementer(IEnclosure)
@define(eq=False)
class Passed:
    """
    A request of our party, until it is answered.

    @ivar reply: the answer.
    """

    enclosed: Enclosed
    _request: Any
    _refusal: Reply
    _dialog: Any
    _pending: set[Passed]
    reply: Reply | None = field(default=None, init=False)
    _timer: Any = field(default=None, init=False)
    _waits: bool = field(default=False, init=False)

    def answered(self, receipt: Receipt) -> None:
        """See L{IEnclosure}."""
        headers: tuple[tuple[str, str], ...] = ()
        if receipt.accepts:
            headers = (("accept", receipt.accepts),)
        elif receipt.code == 405:  # RFC 3261 section 8.2.1: with what is allowed
            headers = (("allow", ", ".join(each for each in METHODS if each != self.enclosed.method)),)
        self.answer(Reply(receipt.code, receipt.phrase, headers, receipt.content, receipt.contentType))

    def undeliverable(self) -> None:
        """See L{IEnclosure}."""
        self.answer(self._refusal)

    def wait(self) -> None:
        """The answer comes later."""
        self._waits = True
        self._timer = Timeout(self._tooLong, PATIENCE)

    def _tooLong(self) -> None:
        self._timer = None
        self.answered(_UNREACHED)

    def answer(self, reply: Reply) -> None:
        """Answer, if that has not been done."""
        if self.reply is not None:
            return
        self.reply = reply
        self._pending.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        dialog, self._dialog = self._dialog, None
        request, self._request = self._request, None
        if self._waits:
            try:
                dialog.respond(reply.to(request, dialog.local_ua))
            except OSError as problem:
                _log.debug("{method} cannot be answered: {why!r}", method=self.enclosed.method, why=problem)


class Passing:
    """What one leg hands on, and is handed."""

    def __init__(self) -> None:
        self._theirs: set[Passed] = set()
        self._handed: set[IEnclosure] = set()
        self._isTold = False

    def requested(self, leg: SipLeg, request: Any, refusal: Reply) -> Reply:
        """
        The party of C{leg} sends a request that means nothing to us.

        @param refusal: what it is answered with if nobody takes it.
        @return: the answer; L{LATER} if it follows.
        """
        method, enclosed = request.getMethod(), read(request)
        if enclosed is None:
            return refusal
        if len(self._theirs) >= MOST_PENDING:
            if not self._isTold:
                _log.info("call={call} leg={leg} sends too many requests at once", call=leg.call.id, leg=leg.id)
            self._isTold = True
            return Reply(500, "Server Internal Error", (("retry-after", str(1 + randbelow(10))),))
        passed = Passed(enclosed, request, refusal, leg.dialog, self._theirs)
        self._theirs.add(passed)
        leg.call.handed(leg, passed)
        if passed.reply is not None:
            return passed.reply
        _log.debug("call={call} leg={leg} {method} is handed on", call=leg.call.id, leg=leg.id, method=method)
        passed.wait()
        return LATER

    def hand(self, leg: SipLeg, enclosure: IEnclosure) -> None:
        """The other party sends something to that of C{leg}, which has not ended."""
        enclosed, dialog = enclosure.enclosed, leg.dialog
        if dialog is None or dialog.pinned is not None or not (dialog.isConnected() and dialog.allows(enclosed.method)):
            enclosure.undeliverable()
            return

        def heard(response: Any) -> None:
            self._handed.discard(enclosure)
            enclosure.answered(receiptOf(response))

        self._handed.add(enclosure)
        try:
            dialog.ask(enclosed.method, heard, body=bodyOf(enclosed.content, enclosed.contentType), isPassed=True)
        except OSError as problem:
            why = str(problem)
            _log.info("call={call} leg={leg} is not told: {why}", call=leg.call.id, leg=leg.id, why=why)
            self._handed.discard(enclosure)
            enclosure.answered(_UNREACHED)

    def over(self) -> None:
        """The leg has ended: whoever waits for an answer gets one (RFC 3261 section 15.1.2)."""
        for passed in tuple(self._theirs):
            passed.answer(Reply(487, "Request Terminated"))
        handed, self._handed = self._handed, set()
        for enclosure in handed:
            enclosure.answered(_UNREACHED)


def read(message: Any) -> Enclosed | None:
    """What is in a message; C{None} if there is nothing, or nothing that would arrive as it was sent."""
    body = message.getBody()
    if body is None or body.mtype is DEFAULT_CTYPE or message.countHFs("content-encoding"):
        return None
    content, kind = str(body.content), str(body.mtype)
    # The gate leaves out what sippy would misread: a boundary may be that.
    isTorn = kind.lower().startswith("multipart/") and ";boundary=" not in kind.lower()
    if ILLEGIBLE in content or isTorn:
        return None
    return Enclosed(message.getHFBody("cseq").getCSeqMethod(), kind, content)


def receiptOf(response: Any) -> Receipt:
    """What the sender is told of a final response of the far end, or of our own transaction layer."""
    code, phrase = response.getSCode()
    if response.source is None or code in _ABOUT_THE_CALL:
        return _UNREACHED
    if code in _CHALLENGES:
        return Receipt(403, "Forbidden")
    receipt = Receipt(code, headerText(phrase, 100))
    if code == 415 and response.countHFs("accept"):
        accepts = headerText(", ".join(str(body) for body in response.getHFBodys("accept")), 500)
        return evolve(receipt, accepts=accepts)
    enclosed = read(response) if code < 300 else None
    if enclosed is not None:
        return evolve(receipt, contentType=enclosed.contentType, content=enclosed.content)
    return receipt
