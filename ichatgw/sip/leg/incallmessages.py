# -*- test-case-name: ichatgw.test.sip.leg.test_incallmessages,ichatgw.test.sip.dialog.test_requests,ichatgw.test.sip.leg.test_telling,ichatgw.test.sip.leg.test_contract -*-  # noqa: E501
"""
What a SIP party says within the call, in INFO and MESSAGE (RFC 6086, RFC 3428), and how it is told what the other party
says: a kind of message is a value that is read and written here.

A key is answered here.  What is not for us is handed to the party at the other end of the call, and the answer of that
one goes back.  Each request is answered once, before it is given up at its sender's.  What the far end says of its own
call with us does not go back: the sender would take it for the end of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import randbelow

from attrs import define, evolve, field
from sippy.MsgBody import DEFAULT_CTYPE
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.Time.Timeout import Timeout
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.calls.nulls import Unanswered
from ichatgw.errors import MalformedError
from ichatgw.interfaces import IMessage
from ichatgw.model import CONNECTED, Connected, Enclosed, Receipt, SentOn, Tone
from ichatgw.runtime.nulls import unheard
from ichatgw.sip.dialog.capabilities import METHODS
from ichatgw.sip.dialog.dialog import Dialog
from ichatgw.sip.dialog.requests import LATER, OK, Reply
from ichatgw.sip.leg.interfaces import ISipLeg
from ichatgw.sip.leg.telling import Telling
from ichatgw.sip.message import dtmfinfo
from ichatgw.sip.message.bodies import bodyOf, textOf
from ichatgw.sip.message.identity import connectedHeaders
from ichatgw.sip.message.sanitize import headerText
from ichatgw.sip.sippylib.clock import Timer

MAX_KEYS = 20
"""So many keys may wait for a phone to answer that it was told of them."""

MAX_PENDING = 8
"""So many requests of one party wait for the answer of the other one."""

MAX_NAMES = 20
"""So often the other party of a call is told that one has another name."""

ANSWER_TIMEOUT = 20.0
"""Seconds that the other party has.  The sender gives up after 32 s, some of which may have gone for repetitions."""

ILLEGIBLE = "\ufffd"
"""What L{ichatgw.sip.message.gate} has put in the place of octets that are no UTF-8."""

# RFC 4320 section 4.2 forbids 408 here, RFC 5057 section 5.1 has 480 and 481 say something of the call.
_UNREACHED = Receipt(504, "Server Time-out")
_ABOUT_THE_CALL = frozenset({408, 481})
_CHALLENGES = frozenset({401, 407})

_log = Logger()


@implementer(IMessage)
@define(eq=False)
class Passed:
    """
    A request of our party, until it is answered.

    @ivar reply: the answer.
    """

    value: Enclosed
    _request: SipRequest | None
    _refusal: Reply
    _dialog: Dialog | None
    _pending: set[Passed]
    reply: Reply | None = field(default=None, init=False)
    _timer: Timer | None = field(default=None, init=False)
    _waits: bool = field(default=False, init=False)

    def answered(self, receipt: Receipt) -> None:
        """See L{IMessage}."""
        headers: tuple[tuple[str, str], ...] = ()
        if receipt.accepts:
            headers = (("accept", receipt.accepts),)
        elif receipt.code == 405:  # RFC 3261 section 8.2.1: with what is allowed
            headers = (("allow", ", ".join(each for each in METHODS if each != self.value.method)),)
        self.answer(Reply(receipt.code, receipt.phrase, headers, receipt.content, receipt.contentType))

    def undeliverable(self) -> None:
        """See L{IMessage}."""
        self.answer(self._refusal)

    def wait(self) -> None:
        """The answer comes later: wait for it, L{ANSWER_TIMEOUT} seconds at most."""
        self._waits = True
        self._timer = Timeout(self._tooLong, ANSWER_TIMEOUT)

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
        if self._waits and dialog is not None and request is not None:
            try:
                dialog.respond(reply.to(request, dialog.local_ua))
            except OSError as problem:
                _log.debug("{method} cannot be answered: {why!r}", method=self.value.method, why=problem)


class InCallMessages:
    """
    What the party of one leg says to the other one, and is told of it.

    @ivar sentOn: tells a party that calls that its call leads on.
    """

    sentOn: Callable[[], object] = staticmethod(unheard)

    def __init__(self) -> None:
        self._keys = 0
        self._theirs: set[Passed] = set()
        self._handed: set[IMessage] = set()
        self._isTold = False
        self._names = 0
        self._introduced = ""

    # What the party says

    def renamed(self, leg: ISipLeg) -> None:
        """The party says that it is another one, or has another name (RFC 3325)."""
        if leg.isAnswered and self._names < MAX_NAMES:
            self._names += 1
            leg.call.handed(leg, Unanswered(CONNECTED))

    def requested(self, leg: ISipLeg, request: SipRequest) -> Reply:
        """
        @param request: an INFO or a MESSAGE of the party.
        @return: the answer; L{LATER} if it follows.
        """
        if request.getMethod() == "INFO":
            reply = self._informed(leg, request)
        else:
            reply = _sentMessage(request, _isIChat(leg.dialog))
        # What is not for us may be for the other party.
        return self._passOn(leg, request, reply) if reply.code == 415 else reply

    def _informed(self, leg: ISipLeg, request: SipRequest) -> Reply:
        body = request.getBody()
        if body is None and not request.countHFs("info-package"):
            return OK  # a sign of life of older phones
        kind = "" if body is None else body.getType()
        if kind in (dtmfinfo.RELAY, dtmfinfo.PLAIN):
            try:
                tone = dtmfinfo.parse(textOf(request), kind)
            except MalformedError as problem:
                return Reply(400, f"Bad Key, {problem}")
            leg.call.handed(leg, Unanswered(tone))
            return OK
        if request.countHFs("info-package"):
            return Reply(469, "Bad Info Package", (("recv-info", ""),))  # RFC 6086 section 4.2.2
        return Reply(415, "Unsupported Media Type", (("accept", f"{dtmfinfo.RELAY}, {dtmfinfo.PLAIN}"),))

    def _passOn(self, leg: ISipLeg, request: SipRequest, refusal: Reply) -> Reply:
        """
        It means nothing to us.

        @param refusal: what it is answered with if the other party does not take it.
        """
        enclosed = read(request)
        if enclosed is None:
            return refusal
        if len(self._theirs) >= MAX_PENDING:
            if not self._isTold:
                _log.info("call={call} leg={leg} sends too many requests at once", call=leg.call.id, leg=leg.id)
            self._isTold = True
            return Reply(500, "Server Internal Error", (("retry-after", str(1 + randbelow(10))),))
        passed = Passed(enclosed, request, refusal, leg.dialog, self._theirs)
        self._theirs.add(passed)
        leg.call.handed(leg, passed)
        if passed.reply is not None:
            return passed.reply
        method = enclosed.method
        _log.debug("call={call} leg={leg} {method} is handed on", call=leg.call.id, leg=leg.id, method=method)
        passed.wait()
        return LATER

    # What the party is told

    def hand(self, leg: ISipLeg, message: IMessage) -> None:
        """See L{ILeg}."""
        value = message.value
        if leg.isOver:
            message.undeliverable()
        elif isinstance(value, Tone):
            self._press(leg, value)
        elif isinstance(value, Connected):
            self._introduce(leg)
        elif isinstance(value, SentOn):
            self.sentOn()
        elif isinstance(value, Enclosed):
            self._send(leg, message, value)
        else:
            message.undeliverable()

    def _introduce(self, leg: ISipLeg) -> None:
        """By UPDATE, if the party allows that (RFC 3311, RFC 3325)."""
        dialog = leg.dialog
        if leg.telling is not Telling.CHANGES or dialog is None or _isIChat(dialog) or not leg.isAnswered:
            return
        headers = connectedHeaders(leg.call.peer(leg), "")
        said = "".join(map(str, headers))
        if not said or said == self._introduced or not _takes(dialog, "UPDATE"):
            return
        self._introduced = said
        if not dialog.session.update(*headers):
            _log.debug("call={call} leg={leg} is not told who is there", call=leg.call.id, leg=leg.id)

    def _press(self, leg: ISipLeg, tone: Tone) -> None:
        """In the media; else INFO, if the party takes that."""
        dialog = leg.dialog
        if leg.side.press(tone) or dialog is None or _isIChat(dialog):
            return
        why = ""
        if not dialog.remote.allows("INFO"):
            why = "it takes no INFO"
        elif self._keys >= MAX_KEYS:
            why = "it has not answered those before"
        else:
            try:
                dialog.ask("INFO", self._keyTold, body=bodyOf(dtmfinfo.write(tone), dtmfinfo.RELAY))
                self._keys += 1
            except OSError as problem:
                why = str(problem)
        if why:
            _log.info("call={call} leg={leg} not told of a key: {why}", call=leg.call.id, leg=leg.id, why=why)

    def _keyTold(self, response: SipResponse) -> None:
        self._keys -= 1

    def _send(self, leg: ISipLeg, message: IMessage, enclosed: Enclosed) -> None:
        dialog = leg.dialog
        if dialog is None or _isIChat(dialog) or not (leg.isAnswered and _takes(dialog, enclosed.method)):
            message.undeliverable()
            return
        self._handed.add(message)
        try:
            body = bodyOf(enclosed.content, enclosed.contentType)
            dialog.ask(enclosed.method, self._answering(message), body=body, isPassed=True)
        except OSError as problem:
            why = str(problem)
            _log.info("call={call} leg={leg} is not told: {why}", call=leg.call.id, leg=leg.id, why=why)
            self._handed.discard(message)
            message.answered(_UNREACHED)

    def _answering(self, message: IMessage) -> Callable[[SipResponse], None]:
        def heard(response: SipResponse) -> None:
            self._handed.discard(message)
            message.answered(receiptOf(response))

        return heard

    def over(self) -> None:
        """The leg has ended: requests that wait for an answer get one (RFC 3261 section 15.1.2)."""
        self.sentOn = unheard
        for passed in tuple(self._theirs):
            passed.answer(Reply(487, "Request Terminated"))
        handed, self._handed = self._handed, set()
        for message in handed:
            message.answered(_UNREACHED)


def _isIChat(dialog: Dialog | None) -> bool:
    return dialog is not None and dialog.pinned is not None


def _takes(dialog: Dialog, method: str) -> bool:
    return bool(dialog.isConnected() and dialog.remote.allows(method))


def _sentMessage(request: SipRequest, toIChat: bool) -> Reply:
    """
    An iChat sends C{PING} every few seconds and wants to hear 200; nothing of it is passed on.  A sender is not
    told that a text was taken which will not be shown (RFC 3428 section 7).
    """
    body = request.getBody()
    viceroy = any(str(agent).startswith("Viceroy") for agent in request.getHFBodys("user-agent"))
    if toIChat or viceroy or body is None or str(body.content).strip() == "PING":
        return OK
    return Reply(415, "Unsupported Media Type", (("accept", "application/sdp"),))


def read(message: SipMsg) -> Enclosed | None:
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


def receiptOf(response: SipResponse) -> Receipt:
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
