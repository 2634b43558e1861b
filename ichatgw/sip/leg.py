# -*- test-case-name: ichatgw.test.test_sip_leg -*-
"""
The SIP party's side of a call: one dialog seen as a leg.

There is no machine of ours here, sippy's dialog is one.  A leg turns orders into sippy's events and those into news,
puts its side of the relay into each description, and sees to it that C{ended} is said once.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import randbits
from typing import Any

from attrs import evolve
from sippy.CCEvents import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventPreConnect,
    CCEventRedirect,
    CCEventRing,
)
from sippy.SipHeader import SipHeader
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw import sdp
from ichatgw.call import Nobody
from ichatgw.errors import CallError, MalformedError, NoCommonCodec
from ichatgw.interfaces import ICall, ILeg, IMediaSide
from ichatgw.model import PCMU, Ending, EndReason, Party, SessionDescription, TransportAddress
from ichatgw.sip.dialog import Dialog, Invite, sdpBody, sdpText
from ichatgw.sip.reasons import TO_STATUS, fromStatus

_log = Logger()


@implementer(ILeg)
class SipLeg:
    """
    What inbound and outbound SIP legs have in common.

    @ivar id: short, for logs.
    @param forget: called once with the leg when it has ended.
    """

    side: IMediaSide
    dialog: Dialog | None = None

    def __init__(self, id: str, party: Party, forget: Callable[[SipLeg], None]) -> None:
        self.id = id
        self.party = party
        self.call: ICall = Nobody()
        self._forget = forget
        self._ended = False
        self._origin = sdp.Origin(randbits(31))
        self._codecs: tuple[Any, ...] = (PCMU,)
        self._awaitsAnswer = False

    def start(self, offer: SessionDescription) -> None:
        """Inbound legs have nothing to start."""

    def ring(self) -> None:
        """Outbound legs have nothing to ring."""

    def progress(self, answer: SessionDescription) -> None:
        """Outbound legs have nothing to progress."""

    def answer(self, answer: SessionDescription) -> None:
        """Outbound legs have nothing to answer."""

    def hangup(self, ending: Ending) -> None:
        """See L{ILeg}."""
        raise NotImplementedError

    def event(self, event: Any, dialog: Any) -> None:
        """sippy's news.  An exception of ours ends this leg and no other."""
        if self._ended:
            return
        try:
            self._event(event)
        except Exception:
            _log.failure("call={call} leg={leg} failed on {event}", call=self.call.id, leg=self.id, event=str(event))
            self.hangup(Ending(EndReason.FAILED, "internal error"))

    def _event(self, event: Any) -> None:
        raise NotImplementedError

    def reoffered(self, body: str | None) -> str | None:
        """
        Answer a re-INVITE here: media is anchored, the far leg need not know (RFC 3264 section 8).

        See L{ichatgw.sip.dialog.Owner}.
        """
        self._origin = evolve(self._origin, version=self._origin.version + 1)
        try:
            if body is None:
                self._awaitsAnswer = True
                return sdp.writeOffer(SessionDescription(self._codecs, self._local(None)), self._origin)
            offer = sdp.parse(body)
            text = self._answerOffer(offer)
        except (MalformedError, CallError) as problem:
            _log.info("call={call} leg={leg} new offer refused: {why}", call=self.call.id, leg=self.id, why=problem)
            return None
        direction = offer.description.direction
        self.side.hold(direction)
        _log.info(
            "call={call} leg={leg} new offer answered: {direction}",
            call=self.call.id,
            leg=self.id,
            direction=direction.mirrored.value,
        )
        return text

    def _answerOffer(self, offer: sdp.ParsedSDP) -> str:
        """
        Our answer to the party's offer; our side of the relay is told what was offered.

        @raise NoCommonCodec: if the offer has none of our codecs.
        @raise Congested: if no port is left.
        """
        theirs = offer.description
        ours = SessionDescription(self._codecs, self._local(theirs), None, theirs.direction.mirrored)
        text = sdp.writeAnswer(ours, self._origin, offer)
        self._connect(theirs)
        return text

    def _local(self, remote: SessionDescription | None) -> TransportAddress:
        """Our address for the party that described itself so (or is where its messages come from)."""
        if remote is not None and remote.address is not None:
            return self.side.local(remote.address.host)
        return self.side.local(self._signallingHost())

    def _signallingHost(self) -> str:
        raise NotImplementedError

    def _connect(self, remote: SessionDescription) -> None:
        """Tell our side of the relay where the party is, and what of ours it speaks."""
        self.side.connect(evolve(remote, codecs=sdp.commonCodecs(self._codecs, remote)))

    def _lateAnswer(self, event: Any) -> None:
        """The ACK to a 200 that carried our offer brings the answer."""
        if not self._awaitsAnswer:
            return
        self._awaitsAnswer = False
        text = sdpText(event.getData()[2])
        try:
            if text is None:
                raise NoCommonCodec("the ACK brought no answer")
            self._connect(sdp.parse(text).description)
        except (MalformedError, NoCommonCodec) as problem:
            self.hangup(Ending(EndReason.INCOMPATIBLE, str(problem)))

    def _finish(self, ending: Ending) -> None:
        if self._ended:
            return
        self._ended = True
        self._forget(self)
        self.call.ended(self, ending)


class InboundSipLeg(SipLeg):
    """
    Somebody called us over SIP.

    @ivar source: where the INVITE came from.
    @param offer: what the INVITE carried; C{None} if it had no body: then the 200 carries our offer.
    """

    def __init__(
        self,
        id: str,
        party: Party,
        forget: Callable[[SipLeg], None],
        source: TransportAddress,
        offer: sdp.ParsedSDP | None,
    ) -> None:
        super().__init__(id, party, forget)
        self.source = source
        self._offer = offer
        self._answered = False

    @property
    def offered(self) -> SessionDescription | None:
        """What the caller offered; C{None} if the INVITE had no body."""
        return self._offer.description if self._offer is not None else None

    def ring(self) -> None:
        """180."""
        self._respond(CCEventRing((180, "Ringing", None)))

    def progress(self, answer: SessionDescription) -> None:
        """183 with an answer; early media is a favour, so what prevents it is no error."""
        if self._offer is not None and not self._ended:
            try:
                text = self._answerTo(answer)
            except CallError:
                return
            self._respond(CCEventRing((183, "Session Progress", sdpBody(text))))

    def answer(self, answer: SessionDescription) -> None:
        """200."""
        if self._ended:
            return
        try:
            if self._offer is None:
                self._codecs = answer.codecs
                self._awaitsAnswer = True
                text = sdp.writeOffer(SessionDescription(answer.codecs, self._local(None)), self._origin)
                event = CCEventPreConnect((200, "OK", sdpBody(text)))
            else:
                event = CCEventConnect((200, "OK", sdpBody(self._answerTo(answer))))
        except CallError as refusal:
            self.hangup(Ending(refusal.reason, str(refusal)))
            return
        self._answered = True
        self._respond(event)

    def hangup(self, ending: Ending) -> None:
        """A final response, or BYE."""
        if self._ended:
            return
        if self._answered:
            self._respond(CCEventDisconnect())
        else:
            code, phrase = TO_STATUS[ending.reason]
            event = CCEventFail((code, phrase))
            if ending.retryAfter is not None:
                event.extra_headers = (SipHeader(name="retry-after", bodys=str(ending.retryAfter)),)
            self._respond(event)
        self._finish(ending)

    def _event(self, event: Any) -> None:
        if isinstance(event, CCEventDisconnect):
            if self._answered:
                self._finish(Ending(EndReason.HANGUP))
            else:
                self._finish(Ending(EndReason.CANCELLED, "the caller gave up"))
        elif isinstance(event, CCEventConnect):
            self._lateAnswer(event)

    def _answerTo(self, answer: SessionDescription) -> str:
        assert self._offer is not None
        self._codecs = sdp.commonCodecs(answer.codecs, self._offer.description)
        return self._answerOffer(self._offer)

    def _signallingHost(self) -> str:
        return self.source.host

    def _respond(self, event: Any) -> None:
        """Orders never raise: what fails ends the leg."""
        if self._ended or self.dialog is None:
            return
        try:
            self.dialog.recvEvent(event)
        except Exception:
            _log.failure("call={call} leg={leg} could not respond", call=self.call.id, leg=self.id)
            self._finish(Ending(EndReason.FAILED, "internal error"))


class OutboundSipLeg(SipLeg):
    """
    We call somebody over SIP.

    @param locate: gives the address to send the INVITE to.
    @param converse: makes the dialog.
    @param prepare: fills in who calls whom, see L{Invite}.
    @param filtered: payload types that are not offered.
    """

    def __init__(
        self,
        id: str,
        party: Party,
        forget: Callable[[SipLeg], None],
        locate: Callable[[], Deferred[TransportAddress]],
        converse: Callable[[SipLeg], Dialog],
        prepare: Callable[[Any, TransportAddress], tuple[Any, ...]],
        filtered: frozenset[int] = frozenset(),
    ) -> None:
        super().__init__(id, party, forget)
        self._locate = locate
        self._converse = converse
        self._prepare = prepare
        self._filtered = filtered
        self._pending: Deferred[None] | None = None
        self._address: TransportAddress | None = None
        self._started = False
        self._answered = False
        self._early: SessionDescription | None = None

    def start(self, offer: SessionDescription) -> None:
        """INVITE, as soon as the address is known."""
        if self._ended or self._started:
            return
        self._started = True
        self._codecs = tuple(codec for codec in offer.codecs if codec.payloadType not in self._filtered)
        if not self._codecs:
            self._finish(Ending(EndReason.INCOMPATIBLE, "no codec is left to offer"))
            return
        located = self._locate()
        self._pending = located.addCallback(self._invite)
        located.addErrback(self._unreachable)

    def hangup(self, ending: Ending) -> None:
        """CANCEL or BYE; nothing if the INVITE is not out."""
        if self._ended:
            return
        if self._pending is not None:
            self._pending.cancel()
        self._finish(ending)
        if self.dialog is not None:
            try:
                self.dialog.recvEvent(CCEventDisconnect())
            except Exception:
                _log.failure("call={call} leg={leg} could not hang up", call=self.call.id, leg=self.id)

    def _invite(self, address: TransportAddress) -> None:
        self._pending = None
        if self._ended:
            return
        self._address = address
        text = sdp.writeOffer(SessionDescription(self._codecs, self._local(None)), self._origin)
        dialog = self.dialog = self._converse(self)
        _log.info("call={call} leg={leg} INVITE to {address}", call=self.call.id, leg=self.id, address=address)
        dialog.invite(address, Invite(lambda uac: self._prepare(uac, address), text))

    def _unreachable(self, failure: Failure) -> None:
        self._pending = None
        if failure.check(CancelledError):
            return
        error = failure.value
        if isinstance(error, CallError):
            self._finish(Ending(error.reason, str(error)))
        elif isinstance(error, OSError):
            self._finish(Ending(EndReason.UNAVAILABLE, f"cannot be reached: {error}"))
        else:
            _log.failure("call={call} leg={leg} could not call", failure, call=self.call.id, leg=self.id)
            self._finish(Ending(EndReason.FAILED, "internal error"))

    def _event(self, event: Any) -> None:
        if isinstance(event, CCEventRing):
            self._provisional(*event.getData()[:3])
        elif isinstance(event, CCEventConnect):
            if self._answered:
                self._lateAnswer(event)
            else:
                self._accepted(event.getData()[2])
        elif isinstance(event, (CCEventFail, CCEventRedirect)):
            code, phrase = event.getData()[:2]
            self._finish(fromStatus(code, phrase))
        elif isinstance(event, CCEventDisconnect):
            self._finish(Ending(EndReason.HANGUP))

    def _provisional(self, code: int, phrase: str, body: Any) -> None:
        if code <= 100:
            return
        text = sdpText(body)
        if text is not None:
            try:
                early = self._take(text)
            except (MalformedError, NoCommonCodec):
                early = None  # the final answer may be better
            if early is not None:
                self._early = early
                self.call.progressing(self, early)
                return
        if code == 180:
            self.call.ringing(self)

    def _accepted(self, body: Any) -> None:
        text = sdpText(body)
        self._answered = True
        try:
            if text is not None:
                answer = self._take(text)
            elif self._early is not None:
                answer = self._early
            else:
                raise NoCommonCodec("the 200 brought no answer")
        except (MalformedError, NoCommonCodec) as problem:
            self.hangup(Ending(EndReason.INCOMPATIBLE, str(problem)))
        else:
            self.call.answered(self, answer)

    def _take(self, text: str) -> SessionDescription:
        answer = sdp.parse(text).description
        self._connect(answer)
        return answer

    def _signallingHost(self) -> str:
        assert self._address is not None
        return self._address.host
