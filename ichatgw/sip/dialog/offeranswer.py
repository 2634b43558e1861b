# -*- test-case-name: ichatgw.test.sip.dialog.test_offeranswer,ichatgw.test.sip.dialog.test_ouroffers,ichatgw.test.sip.dialog.test_sessiontimer -*-  # noqa: E501
"""
Offer and answer (RFC 3264) within an answered call, both ways: re-INVITE (RFC 3261 section 14) and UPDATE (RFC 3311),
one at a time, and glare: both ends make an offer at once (RFC 6337 section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from secrets import randbelow
from typing import Any, Protocol, cast

from sippy.SipHeader import SipHeader
from sippy.Time.Timeout import Timeout
from twisted.logger import Logger

from ichatgw.model import Ending, EndReason
from ichatgw.sip.dialog import prack
from ichatgw.sip.dialog.requests import Asking, Conversation, Reply
from ichatgw.sip.dialog.sessiontimer import AGAIN, SessionTimer, tooShort
from ichatgw.sip.message.bodies import SDP, bodyOf, sdpText
from ichatgw.sip.message.gate import ACCEPT
from ichatgw.sip.message.status import fromStatus

MOST_CROSSINGS = 5
"""How often an offer that crosses one of the far end's is made again."""

PATIENCE = 30.0
"""Seconds that the far end of the call has for saying whether it goes along; a phone hears 100 meanwhile."""

LONGEST_WAIT = 10
"""Seconds of C{Retry-After} that are waited for (RFC 3261 section 14.2)."""

PENDING = Reply(491, "Request Pending")

_log = Logger()

Verdict = str | Reply
"""What an offer is answered with: a description, or a refusal."""


class Changes(Protocol):
    """Who makes descriptions and understands them: the leg."""

    @property
    def isSettled(self) -> bool:
        """Has every offer, the first one included, been answered?"""

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


class Dialogue(Conversation, Protocol):
    """What is wanted of the dialog."""

    cId: Any
    local_ua: str
    session: SessionTimer
    lContact: Any
    isCaller: bool

    @property
    def changes(self) -> Changes: ...

    @property
    def isConnected(self) -> Callable[[], bool]: ...

    def respond(self, response: Any, acknowledged: Callable[[Any], None] | None = None) -> None:
        """Send a response; C{acknowledged} gets the ACK of one to an INVITE."""

    def sessionHeaders(self) -> Sequence[Any]:
        """What each INVITE and UPDATE of ours asks for of session timers."""

    def ownHeaders(self, *without: str) -> Sequence[Any]:
        """
        What each INVITE and UPDATE of ours, and each 2xx to one, says of what we can.

        @param without: option tags that it does not mention.
        """


class _Gone:
    """In the place of a dialog that is dead."""

    def isConnected(self) -> bool:
        """No."""
        return False

    def respond(self, response: Any, acknowledged: Callable[[Any], None] | None = None) -> None:
        """Nobody waits for it."""


_GONE = cast(Dialogue, _Gone())


class Reoffers:
    """
    @ivar awaitsAck: we have answered an INVITE, and its ACK has not come.
    """

    def __init__(self, dialog: Dialogue) -> None:
        self._dialog = dialog
        self.awaitsAck = False
        self._accepted: Any = None
        self._theirs: Any = None
        self._ours: Asking | None = None
        self._offering = False
        self._lateOffer = False
        self._again = False
        self._refreshing = False
        self._crossings = 0
        self._timer: Any = None
        self._patience: Any = None

    @property
    def isBusy(self) -> bool:
        """Is an INVITE of either end under way, or another one to be sent soon?"""
        return self._ours is not None or self._theirs is not None or self.awaitsAck or self._timer is not None

    @property
    def isDue(self) -> bool:
        """Will another offer be made as soon as that is possible?"""
        return self._again

    # Theirs

    def invited(self, request: Any) -> None:
        """A re-INVITE."""
        body = request.getBody()
        refusal = None
        if self._theirs is not None:
            refusal = _tooEarly()
        elif self._ours is not None or self._lateOffer:
            refusal = PENDING
        elif body is not None and sdpText(body) is None:
            refusal = _UNSUPPORTED
        else:
            refusal = tooShort(request)
        if refusal is not None:
            self._dialog.respond(self._respond(request, refusal))
            return
        self._dialog.refreshTarget(request)
        self._theirs = request
        verdict = self._dialog.changes.offered(sdpText(body), True)
        if verdict is None:
            if self._theirs is request:
                self._patience = Timeout(self._tooLong, PATIENCE)
                self._dialog.respond(self._respond(request, Reply(100, "Trying")))
        elif self._theirs is request:
            self.answer(verdict)

    def answer(self, verdict: Verdict) -> None:
        """The answer to the re-INVITE that waits for one."""
        request, self._theirs = self._theirs, None
        self._stopPatience()
        if request is None:
            return
        if isinstance(verdict, Reply):
            self._dialog.respond(self._respond(request, verdict))
            self._goOn()
            return
        self._lateOffer = request.getBody() is None
        self._accepted = request
        self.awaitsAck = True
        self._dialog.respond(self._accept(request, verdict), self.acknowledged)
        self._dialog.changes.answerSent()

    def acknowledged(self, ack: Any) -> None:
        """The ACK of a 200 of ours; it brings the answer, if the 200 brought the offer."""
        late, self._lateOffer = self._lateOffer, False
        self.awaitsAck = False
        if late:
            self._dialog.changes.offerAnswered(sdpText(ack.getBody()))
        self._goOn()

    def isUnacknowledged(self, request: Any) -> bool:
        """Was it accepted, and never acknowledged?  Of a refusal nobody needs to know whether it has arrived."""
        return self.awaitsAck and self._accepted is request

    def expectAck(self, withOffer: bool) -> None:
        """The INVITE that began the dialog is answered with 200."""
        self.awaitsAck = True
        self._lateOffer = withOffer

    def cancelled(self) -> None:
        """The far end has given up its re-INVITE; its 487 is out."""
        if self._theirs is not None:
            self._theirs = None
            self._stopPatience()
            self._dialog.changes.withdrawn()
            self._goOn()

    def updated(self, request: Any) -> None:
        """An UPDATE.  Its answer cannot wait (RFC 3311 section 5.2)."""
        body = request.getBody()
        short = tooShort(request)
        if short is not None:
            self._dialog.respond(self._respond(request, short))
            return
        if body is None:
            self._dialog.refreshTarget(request)
            self._dialog.respond(self._accept(request, None))
            return
        text = sdpText(body)
        verdict: Verdict | None
        if text is None:
            verdict = _UNSUPPORTED
        elif self._theirs is not None:
            verdict = _tooEarly()
        elif self._offering or self._lateOffer:
            verdict = PENDING
        else:
            self._dialog.refreshTarget(request)
            verdict = self._dialog.changes.offered(text, False)
        if isinstance(verdict, str):
            self._dialog.respond(self._accept(request, verdict))
            self._dialog.changes.answerSent()
        else:
            self._dialog.respond(self._respond(request, verdict or _GATEWAY_TIMEOUT))

    def _tooLong(self) -> None:
        self._patience = None
        if self._theirs is not None:
            self._dialog.changes.withdrawn()
            self.answer(Reply(504, "Server Time-out"))

    def _respond(self, request: Any, reply: Reply) -> Any:
        return reply.to(request, self._dialog.local_ua)

    def _accept(self, request: Any, text: str | None) -> Any:
        response = self._respond(request, Reply(200, "OK"))
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
        if self.isBusy or not self._dialog.isConnected():
            return False
        text = self._dialog.changes.sameOffer()
        if text is None:
            return False
        self._refreshing = True
        self._send("INVITE", text)
        return self._ours is not None

    def offer(self) -> None:
        """There may be something new to offer; now, or as soon as that is possible."""
        self._again = True
        self._goOn()

    def _goOn(self) -> None:
        if not self._again or self.isBusy or not self._dialog.isConnected():
            return
        self._again = False
        text = self._dialog.changes.nextOffer()
        if text is not None:
            self._send("INVITE", text)

    def _send(self, method: str, text: str) -> None:
        own = self._dialog.ownHeaders(prack.TAG)  # nobody needs to ring
        headers = [*own, *self._dialog.sessionHeaders()]
        asking = Asking(self._dialog, method, self._answered, headers, bodyOf(text, SDP))
        self._ours, self._offering = asking, True
        try:
            asking.send()
        except OSError as problem:
            self._ours, self._offering, self._refreshing = None, False, False
            self._dialog.changes.offerRefused(Ending(EndReason.CONNECTIVITY, f"cannot be reached: {problem}"))

    def _answered(self, response: Any) -> None:
        self._ours, self._offering = None, False
        code, phrase = response.getSCode()
        refreshing, self._refreshing = self._refreshing, False
        if code >= 300 and (refreshing or (code == 422 and self._dialog.session.refused(response))):
            self._dialog.changes.offerCrossed()
            if refreshing:
                later = code == 422 and self._dialog.session.refused(response)
                self._dialog.session.again(0 if later else AGAIN)
            else:
                self._again = True
        elif code < 300:
            self._crossings = 0
            self._dialog.changes.offerAnswered(sdpText(response.getBody()))
        elif (wait := self._wait(code, response)) is not None and self._crossings < MOST_CROSSINGS:
            self._crossings += 1
            self._again = True
            self._timer = Timeout(self._retry, wait)
            self._dialog.changes.offerCrossed()
        else:
            self._crossings = 0
            warnings = response.getHFBodys("warning")
            self._dialog.changes.offerRefused(fromStatus(code, phrase, str(warnings[0]) if warnings else ""))
        self._goOn()

    def _wait(self, code: int, response: Any) -> float | None:
        """Seconds after which it is tried again; C{None} for never."""
        if code == 491:
            # RFC 3261 section 14.1: who has not made the Call-ID comes first.
            return (210 + randbelow(191)) / 100 if self._dialog.isCaller else randbelow(201) / 100
        if code == 500 and (waits := response.getHFBodys("retry-after")):
            seconds = str(waits[0]).partition(";")[0].partition("(")[0].strip()
            if seconds.isdigit() and int(seconds) <= LONGEST_WAIT:
                return float(seconds)
        return None

    def _retry(self) -> None:
        self._timer = None
        self._goOn()

    def _stopPatience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def over(self) -> Any:
        """
        The dialog is over.

        @return: the last word to a re-INVITE that was not answered, if there is one.
        """
        self._stopPatience()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        request, self._theirs = self._theirs, None
        self._ours = None
        self._again = False
        return None if request is None else self._respond(request, Reply(487, "Request Terminated"))

    def letGo(self) -> None:
        """The dialog is dead: an ACK that comes late, or never, means nothing to it."""
        self._lateOffer = self._again = False
        self._dialog = _GONE


_UNSUPPORTED = Reply(415, "Unsupported Media Type", (("accept", ACCEPT),))
_GATEWAY_TIMEOUT = Reply(504, "Server Time-out")


def _tooEarly() -> Reply:
    """RFC 3261 section 14.2."""
    return Reply(500, "Server Internal Error", (("retry-after", str(randbelow(11))),))
