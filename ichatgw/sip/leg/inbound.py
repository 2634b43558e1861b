# -*- test-case-name: ichatgw.test.media.relay.test_direct,ichatgw.test.sip.leg,ichatgw.test.sip.dialog -*-
"""
The leg of a party that calls us over SIP.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import evolve
from sippy.CCEvents import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventGeneric,
    CCEventPreConnect,
    CCEventRing,
)
from sippy.MsgBody import MsgBody
from sippy.SipHeader import SipHeader
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw import sdp
from ichatgw.errors import CallError
from ichatgw.interfaces import Arrival, IInboundLeg, ILeg
from ichatgw.media.relay.direct import areNear
from ichatgw.model import PCMA, PCMU, Ending, EndReason, Part, Party, SessionDescription, TransportAddress
from ichatgw.sip.dialog.replaces import NOT_FOUND
from ichatgw.sip.dialog.requests import Reply
from ichatgw.sip.leg.leg import SipLeg, disconnection
from ichatgw.sip.leg.mediasecurity import MediaSecurity
from ichatgw.sip.leg.negotiation import SUPPOSED
from ichatgw.sip.leg.telling import Telling
from ichatgw.sip.message.bodies import sdpBody
from ichatgw.sip.message.identity import connectedHeaders
from ichatgw.sip.message.status import fromHeader, fromStatus, toResponse, toStatus, warningFor
from ichatgw.sip.message.uris import identity

_log = Logger()


@implementer(IInboundLeg)
class InboundSipLeg(SipLeg):
    """
    A call that arrived over SIP.

    @ivar source: where the INVITE came from.
    @ivar trunk: the name of that by which it came; empty for none.
    @ivar parts: what came with the offer.
    @ivar seek: if it wants the place of another leg: gives that one, or why it cannot have it.
    @param offer: what the INVITE carried; C{None} if it had no body: then the 200 carries our offer.
    @param protecting: how media would be protected, once L{arrival} was asked; it is plain before that, as with an
        iChat.
    """

    def __init__(
        self,
        id: str,
        party: Party,
        forget: Callable[[SipLeg], None],
        source: TransportAddress,
        offer: sdp.ParsedSDP | None,
        protecting: MediaSecurity | None = None,
    ) -> None:
        super().__init__(id, party, forget)
        self._messages.sentOn = partial(_alert, self, 181, "Call Is Being Forwarded")
        self._protecting = protecting or MediaSecurity()
        self._objection: Ending | None = None
        self.source = source
        self.signallingHost = source.host
        self.trunk = ""
        self.seek: Callable[[], SipLeg | Reply] | None = None
        self.parts: tuple[Part, ...] = ()
        self._offer = offer
        if offer is not None:
            try:
                self._offer = self._protecting.choose(offer)
            except CallError as problem:
                self._objection = Ending(problem.reason, str(problem), cause=problem.cause)

    def arrival(self, called: str) -> Arrival:
        """
        Its call, as that of a phone: from now on it is treated as one.

        @param called: the address that it calls.
        """
        self._negotiation.protecting = self._protecting
        offer = SUPPOSED if self._offer is None else evolve(self._offer.description, parts=self.parts)
        return Arrival(
            self.party,
            called,
            offer,
            source=self.source,
            login=self.login,
            place=None if self.seek is None else self.place,
            direct=self._direct(),
            objection=self._objection,
        )

    def _direct(self) -> TransportAddress | None:
        """Where its media may be sent to without us, if it is plain and comes from where its messages come from."""
        if self._offer is None or self._protecting.protects(self._offer.stream):
            return None
        address = self._offer.description.address
        return address if address is not None and areNear(address.host, self.source.host) else None

    def ring(self) -> None:
        """180."""
        _alert(self, 180, "Ringing")

    def _earlyOffer(self, far: SessionDescription) -> MsgBody | None:
        """
        What has to be in a response before the answer: our offer, to a caller who has made none and demands that no
        response gets lost (RFC 3262 section 5).
        """
        if self._ended or self.dialog is None or not self.dialog.mustOfferEarly:
            return None
        try:
            return sdpBody(self._offerOf(far))
        except CallError:
            return None  # so there is no such response

    def _offerOf(self, far: SessionDescription) -> str:
        """
        Our offer to a caller who has made none: what the other party has answered, or may be able to.  G.711, which
        every phone has, is always in it: the called party can change to it.

        @raise Congested: if no port is left.
        """
        more = () if any(far.find(codec) for codec in (PCMU, PCMA)) else (PCMU, PCMA)
        speech = (*(codec for codec in far.codecs if not codec.isEvent), *more)
        events = tuple(codec for codec in far.codecs if codec.isEvent)
        return self._negotiation.offer(self.source.host, (*speech, *events), isWide=True)

    def progress(self, answer: SessionDescription) -> None:
        """183 with an answer; early media is a favour, so what prevents it is no error."""
        if self._offer is None:
            self._progressWithOffer(answer)
        elif not self._ended:
            self._progressWithAnswer(answer)

    def _progressWithOffer(self, answer: SessionDescription) -> None:
        body = self._earlyOffer(answer)
        if body is not None:
            self.changes.meet(answer)
            self._respond(_introducing(self, CCEventRing((183, "Session Progress", body))))

    def _progressWithAnswer(self, answer: SessionDescription) -> None:
        if self.dialog is not None and self.dialog.isAnsweredEarly:
            return  # it stands
        self.changes.meet(answer)
        try:
            text = self._answerTo(answer)
        except CallError:
            return
        self._respond(_introducing(self, CCEventRing((183, "Session Progress", sdpBody(text, answer.parts)))))

    def answer(self, answer: SessionDescription) -> None:
        """200."""
        if self._ended:
            return
        early = self.dialog is not None and self.dialog.needsNoAnswer
        if not early:
            self.changes.meet(answer)
        try:
            if early:
                event: CCEventGeneric = CCEventConnect((200, "OK", None))
            elif self._offer is None:
                event = CCEventPreConnect((200, "OK", sdpBody(self._offerOf(answer), answer.parts)))
            else:
                event = CCEventConnect((200, "OK", sdpBody(self._answerTo(answer), answer.parts)))
        except CallError as refusal:
            self.hangup(Ending(refusal.reason, str(refusal), cause=refusal.cause))
            return
        self._answered = True
        self._respond(_introducing(self, event))
        if early and not self._ended:
            self.changes.follow(answer)
        if not self._ended:
            self.changes.answered()

    def hangup(self, ending: Ending) -> None:
        """A final response, or BYE."""
        if self._ended:
            return
        if self._answered:
            if self.dialog is not None:
                self.referrals.left(self)  # what became of its REFER it hears before the BYE
            self._respond(disconnection(ending))
        else:
            event = CCEventFail(toStatus(ending))
            headers = {"retry-after": "" if ending.retryAfter is None else str(ending.retryAfter)}
            headers["warning"] = warningFor(ending)
            headers["reason"] = toResponse(ending) if self.dialog is not None and self.dialog.pinned is None else ""
            event.extra_headers = tuple(SipHeader(name=name, bodys=body) for name, body in headers.items() if body)
            self._respond(event)
        self._finish(ending)

    def place(self, isParty: Callable[[ILeg], bool]) -> SipLeg | None:
        """
        Whose place it wants.

        @param isParty: tells whether a leg is one of the two of a call.
        @return: C{None} if it cannot have it; then it has been refused.
        """
        assert self.seek is not None
        found = self.seek()
        if not isinstance(found, Reply) and not isParty(found):
            found = NOT_FOUND  # it is being dialled for a transfer, say
        if not isinstance(found, Reply):
            return found
        _log.info(
            "call={call} leg={leg} of {caller!r} replaces no dialog: {code} {phrase}",
            call=self.call.id,
            leg=self.id,
            caller=self.party.uri[:200],
            code=found.code,
            phrase=found.phrase,
        )
        self._respond(CCEventFail((found.code, found.phrase)))
        self._finish(fromStatus(found.code, found.phrase))
        return None

    def _event(self, event: CCEventGeneric) -> None:
        if isinstance(event, CCEventDisconnect):
            self._finish(fromHeader(self._reasons, self._answered))

    def _answerTo(self, answer: SessionDescription) -> str:
        assert self._offer is not None
        return self._negotiation.answer(self._offer, self.source.host, answer.codecs)

    def _respond(self, event: CCEventGeneric) -> None:
        """Orders never raise: what fails ends the leg."""
        if self._ended or self.dialog is None:
            return
        try:
            self.dialog.recvEvent(event)
        except Exception:
            _log.failure("call={call} leg={leg} could not respond", call=self.call.id, leg=self.id)
            self._finish(Ending(EndReason.FAILED, "internal error"))


def _alert(leg: InboundSipLeg, code: int, phrase: str) -> None:
    """A provisional response without an answer."""
    if not leg._answered:
        leg._respond(_introducing(leg, CCEventRing((code, phrase, leg._earlyOffer(SUPPOSED)))))


def _introducing(leg: InboundSipLeg, event: CCEventGeneric) -> CCEventGeneric:
    """An event, with who is at the other end in the response to it."""
    dialog = leg.dialog
    if dialog is not None and dialog.pinned is None and leg.telling is not Telling.NEVER and not leg.isOver:
        called = str(identity(dialog.lUri.getUri().url))
        event.extra_headers = connectedHeaders(leg.call.peer(leg), called) or None
    return event
