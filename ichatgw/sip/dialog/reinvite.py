# -*- test-case-name: ichatgw.test.sip.dialog.test_offeranswer,ichatgw.test.sip.dialog.test_ouroffers,ichatgw.test.sip.dialog.test_sessiontimer,ichatgw.test.sip.dialog.test_midcall,ichatgw.test.sip.dialog.test_prack -*-  # noqa: E501
"""
Offers within an answered call, both ways, and what carries them: re-INVITE (RFC 3261 section 14) and UPDATE (RFC 3311).

Which of them may be made or taken says L{ichatgw.sip.dialog.offeranswer}.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from secrets import randbelow
from typing import Protocol, cast

from sippy.SipContact import SipContact
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.Time.Timeout import Timeout

from ichatgw.model import Ending, EndReason
from ichatgw.sip.dialog import prack
from ichatgw.sip.dialog.offeranswer import MAX_CROSSINGS, Input, OfferAnswer, Refusal, State, waitAfterGlare
from ichatgw.sip.dialog.requests import Conversation, DialogRequest, Reply
from ichatgw.sip.dialog.sessiontimer import AGAIN, SessionTimer, tooShort
from ichatgw.sip.message.bodies import SDP, bodyOf, sdpText
from ichatgw.sip.message.gate import ACCEPT
from ichatgw.sip.message.status import fromStatus
from ichatgw.sip.sippylib.clock import Timer

ANSWER_TIMEOUT = 30.0
"""Seconds that the other party of the call has for saying whether it goes along; a phone hears 100 meanwhile."""

MAX_WAIT = 10
"""Seconds of C{Retry-After} that are waited for (RFC 3261 section 14.2)."""

Verdict = str | Reply
"""What an offer is answered with: a description, or a refusal."""


class Changes(Protocol):
    """Makes descriptions and understands them: the leg."""

    def offered(self, text: str | None, mayWait: bool) -> Verdict | None:
        """
        The party has made an offer, or asks for ours (C{None}).

        @param mayWait: may the answer come later, by L{Reoffers.answer}?
        @return: the answer, or C{None} if it does so.
        """

    def withdrawn(self) -> None:
        """The offer that waits for its answer does so no more."""

    def answerSent(self) -> None:
        """The party has been answered; now others may be told."""

    def nextOffer(self) -> str | None:
        """What is to be offered now; C{None} if there is nothing new to say."""

    def sameOffer(self) -> str | None:
        """What we have said last, as an offer; C{None} if that cannot be."""

    def offerAnswered(self, text: str | None) -> None:
        """The party has accepted our offer."""

    def offerCrossed(self) -> None:
        """Our offer crossed one of the party's; everything is as before, and it is made again soon."""

    def offerRefused(self, ending: Ending) -> None:
        """The party has not accepted it; everything is as before."""


class OfferCarrier(Conversation, Protocol):
    """What is wanted of the dialog."""

    local_ua: str
    session: SessionTimer
    lContact: SipContact
    isCaller: bool

    @property
    def changes(self) -> Changes: ...

    def renewed(self, request: SipRequest) -> None:
        """A re-INVITE or UPDATE is taken: it may bring another C{Contact}, and name another remote party."""

    def respond(self, response: SipResponse, acknowledged: Callable[[SipRequest], None] | None = None) -> None:
        """Send a response; C{acknowledged} gets the ACK of one to an INVITE."""

    def sessionHeaders(self) -> Sequence[SipHeader]:
        """What each INVITE and UPDATE of ours asks for of session timers."""

    def ownHeaders(self, *without: str) -> Sequence[SipHeader]:
        """
        What each INVITE and UPDATE of ours, and each 2xx to one, says of what we can.

        @param without: option tags that it does not mention.
        """


class _Gone:
    """In the place of a dialog that is over: nothing is sent any more."""

    def respond(self, response: SipResponse, acknowledged: Callable[[SipRequest], None] | None = None) -> None:
        """Does nothing: the response is not sent."""


_GONE = cast(OfferCarrier, _Gone())

_FIRST = object()
"""In the place of the INVITE that began the dialog, which is not kept."""

_UNSUPPORTED = Reply(415, "Unsupported Media Type", (("accept", ACCEPT),))
_TIMEOUT = Reply(504, "Server Time-out")
_TERMINATED = Reply(487, "Request Terminated")


def _reply(refusal: Refusal) -> Reply:
    if refusal is Refusal.PENDING:
        return Reply(491, "Request Pending")
    seconds = 5 if refusal is Refusal.TOO_EARLY else randbelow(11)
    return Reply(500, "Server Internal Error", (("retry-after", f"{seconds}"),))


class Reoffers:
    """
    @ivar isDue: another offer is made as soon as that is possible.
    @ivar _unacknowledged: the INVITE whose 200 the far end has not acknowledged; C{None} if it has.
    @ivar _theirs: the re-INVITE that waits for its answer.
    @ivar _glare: the timer until our offer is made again.
    """

    def __init__(self, dialog: OfferCarrier) -> None:
        self._dialog = dialog
        self._machine = OfferAnswer()
        self.isDue = False
        self._unacknowledged: object = None
        self._theirs: SipRequest | None = None
        self._crossings = 0
        self._glare: Timer | None = None
        self._answerTimer: Timer | None = None

    @property
    def state(self) -> State:
        """Which offer is open."""
        return self._machine.state

    def take(self, input: Input) -> State:
        """
        It has happened; of the first INVITE and what answers it the dialog says so.

        @return: the state in which it did.
        """
        rest = State.STABLE if self._glare is None else State.GLARE
        return self._machine.take(input, rest if self._unacknowledged is None else State.ANSWERED)

    def acceptedFirst(self) -> None:
        """The INVITE that began the dialog is answered with 200; it holds our offer, if the INVITE had none."""
        self._unacknowledged = _FIRST
        self.take(Input.ACCEPT_WITH_OFFER if self.state is State.ASKED else Input.ACCEPT)

    # Theirs

    def invited(self, request: SipRequest) -> None:
        """A re-INVITE has come."""
        body = request.getBody()
        refusal = self._refusal(request, Input.INVITE)
        if refusal is not None:
            self._respond(request, refusal)
            return
        self._dialog.renewed(request)
        self.take(Input.INVITE)
        self._theirs = request
        verdict = self._dialog.changes.offered(sdpText(body), True)
        if self._theirs is not request:
            return
        if verdict is not None:
            self.answer(verdict)
        else:
            self._answerTimer = Timeout(self._tooLong, ANSWER_TIMEOUT)
            self._respond(request, Reply(100, "Trying"))

    def answer(self, verdict: Verdict) -> None:
        """The answer to the re-INVITE that waits for one."""
        request, self._theirs = self._theirs, None
        self._stopAnswerTimer()
        if request is None:
            return
        if isinstance(verdict, Reply):
            self._respond(request, verdict)
            self.take(Input.REFUSE)
            self._goOn()
            return
        self._unacknowledged = request
        self.take(Input.ACCEPT_WITH_OFFER if request.getBody() is None else Input.ACCEPT)
        self._dialog.respond(self._accept(request, verdict), self.acknowledged)
        self._dialog.changes.answerSent()

    def acknowledged(self, ack: SipRequest) -> None:
        """The ACK of a 200 of ours; it brings the answer, if the 200 brought the offer."""
        self._unacknowledged = None
        if self.take(Input.ACK) is State.LATE_OFFER:
            self._dialog.changes.offerAnswered(sdpText(ack.getBody()))
        self._goOn()

    def isUnacknowledged(self, request: SipRequest) -> bool:
        """Was it accepted, and never acknowledged?  Whether a refusal has arrived does not matter."""
        return self._unacknowledged is request

    def cancelled(self) -> None:
        """The far end has given up its re-INVITE; its 487 is out."""
        if self._theirs is not None:
            self._theirs = None
            self._stopAnswerTimer()
            self.take(Input.CANCEL)
            self._dialog.changes.withdrawn()
            self._goOn()

    def updated(self, request: SipRequest) -> None:
        """An UPDATE, or a PRACK that brings an offer.  Its answer cannot wait (RFC 3311 section 5.2)."""
        body = request.getBody()
        refusal = self._refusal(request, Input.BARE_UPDATE if body is None else Input.UPDATE)
        if refusal is not None:
            self._respond(request, refusal)
            return
        self._dialog.renewed(request)
        verdict = None if body is None else self._dialog.changes.offered(sdpText(body), False) or _TIMEOUT
        if isinstance(verdict, Reply):
            self._respond(request, verdict)
            return
        self._dialog.respond(self._accept(request, verdict))
        if verdict is not None:
            self._dialog.changes.answerSent()

    def _refusal(self, request: SipRequest, input: Input) -> Reply | None:
        """Why it cannot be taken, whatever it offers."""
        refusal = self._machine.refusal(input)
        if refusal is not None:
            return _reply(refusal)
        body = request.getBody()
        return _UNSUPPORTED if body is not None and sdpText(body) is None else tooShort(request)

    def _tooLong(self) -> None:
        self._answerTimer = None
        if self._theirs is not None:
            self._dialog.changes.withdrawn()
            self.answer(_TIMEOUT)

    def _respond(self, request: SipRequest, reply: Reply) -> None:
        self._dialog.respond(reply.to(request, self._dialog.local_ua))

    def _accept(self, request: SipRequest, text: str | None) -> SipResponse:
        response = Reply(200, "OK").to(request, self._dialog.local_ua)
        response.appendHeader(SipHeader(name="contact", body=self._dialog.lContact))
        response.appendHeaders([*self._dialog.ownHeaders(), *self._dialog.session.accept(request)])
        if text is not None:
            response.setBody(bodyOf(text, SDP))
        return response

    # Ours

    def refresh(self) -> bool:
        """
        Offer what was offered last, to keep the session alive.

        @return: C{False} if that cannot be done now.
        """
        if self.state is not State.STABLE:
            return False
        text = self._dialog.changes.sameOffer()
        if text is None:
            return False
        return self._send(Input.REPEAT, text)

    def offer(self) -> None:
        """There may be something new to offer; now, or as soon as that is possible."""
        self.isDue = True
        self._goOn()

    def _goOn(self) -> None:
        if not self.isDue or self.state is not State.STABLE:
            return
        self.isDue = False
        text = self._dialog.changes.nextOffer()
        if text is not None:
            self._send(Input.OFFER, text)

    def _send(self, input: Input, text: str) -> bool:
        """@return: whether it is out."""
        own = self._dialog.ownHeaders(prack.TAG)  # nothing rings
        headers = [*own, *self._dialog.sessionHeaders()]
        self.take(input)
        try:
            DialogRequest(self._dialog, "INVITE", self._answered, headers, bodyOf(text, SDP)).send()
        except OSError as problem:
            self.take(Input.REFUSED)
            self._dialog.changes.offerRefused(Ending(EndReason.CONNECTIVITY, f"cannot be reached: {problem}"))
            return False
        return True

    def _answered(self, response: SipResponse) -> None:
        """The final response to an offer of ours."""
        code, _ = response.getSCode()
        if code < 300:
            self._crossings = 0
            self.take(Input.ACCEPTED)
            self._dialog.changes.offerAnswered(sdpText(response.getBody()))
        elif self.state is State.REFRESH:
            self._notRefreshed(code, response)
        elif code == 422 and self._dialog.session.refused(response):
            self.take(Input.REFUSED)
            self._dialog.changes.offerCrossed()
            self.isDue = True
        else:
            self._notAccepted(code, response)
        self._goOn()

    def _notRefreshed(self, code: int, response: SipResponse) -> None:
        """The session goes on as it was, and is refreshed later."""
        self.take(Input.REFUSED)
        self._dialog.changes.offerCrossed()
        self._dialog.session.again(0 if code == 422 and self._dialog.session.refused(response) else AGAIN)

    def _notAccepted(self, code: int, response: SipResponse) -> None:
        """Our offer is rolled back: refused, or to be made again."""
        wait = self._wait(code, response)
        if wait is not None and self._crossings < MAX_CROSSINGS:
            self._crossings += 1
            self.isDue = True
            self._glare = Timeout(self._retry, wait)
            self.take(Input.CROSSED)
            self._dialog.changes.offerCrossed()
            return
        self._crossings = 0
        self.take(Input.REFUSED)
        warnings = response.getHFBodys("warning")
        phrase = response.getSCode()[1]
        self._dialog.changes.offerRefused(fromStatus(code, phrase, str(warnings[0]) if warnings else ""))

    def _wait(self, code: int, response: SipResponse) -> float | None:
        """Seconds after which it is tried again; C{None} for never."""
        if code == 491:
            return waitAfterGlare(self._dialog.isCaller)
        if code == 500 and (waits := response.getHFBodys("retry-after")):
            seconds = str(waits[0]).partition(";")[0].partition("(")[0].strip()
            if seconds.isdigit() and int(seconds) <= MAX_WAIT:
                return float(seconds)
        return None

    def _retry(self) -> None:
        self._glare = None
        self.take(Input.TIMER)
        self._goOn()

    def _stopAnswerTimer(self) -> None:
        if self._answerTimer is not None:
            self._answerTimer.cancel()
            self._answerTimer = None

    def over(self) -> SipResponse | None:
        """
        The dialog is over.

        @return: the last word to a re-INVITE that was not answered, if there is one.
        """
        self._stopAnswerTimer()
        if self._glare is not None:
            self._glare.cancel()
            self._glare = None
        self.take(Input.END)
        request, self._theirs = self._theirs, None
        self._unacknowledged = None
        self.isDue = False
        return None if request is None else _TERMINATED.to(request, self._dialog.local_ua)

    def letGo(self) -> None:
        """The dialog is gone: an ACK that is still missing is not waited for."""
        self.over()
        self._dialog = _GONE
