# -*- test-case-name: ichatgw.test.sip.leg -*-
"""
The SIP party's side of a call: one dialog seen as a leg.

There is no machine of ours here, sippy's dialog is one.  A leg turns orders into sippy's events and those into news,
puts its side of the relay into each description, and sees to it that C{ended} is said once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sippy.CCEvents import CCEventDisconnect
from sippy.SipHeader import SipHeader
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.calls.call import Nobody
from ichatgw.calls.farewell import Farewell
from ichatgw.errors import MalformedError
from ichatgw.interfaces import ICall, IEnclosure, ILeg, IMediaSide
from ichatgw.model import Ending, EndReason, Party, SessionDescription, Tone, Whereabouts
from ichatgw.sip.dialog.dialog import Dialog
from ichatgw.sip.dialog.offeranswer import Reoffers
from ichatgw.sip.dialog.replaces import DialogId
from ichatgw.sip.dialog.requests import OK, Reply, endsCall
from ichatgw.sip.leg.incallmessages import Passing
from ichatgw.sip.leg.negotiation import Negotiation
from ichatgw.sip.leg.renegotiation import Renegotiation
from ichatgw.sip.message import dtmfinfo
from ichatgw.sip.message.bodies import bodyOf
from ichatgw.sip.message.identity import connectedTo
from ichatgw.sip.message.status import toHeader

if TYPE_CHECKING:
    from ichatgw.sip.transfer.refer import Referrals

MOST_KEYS = 20
"""So many keys may wait for a phone to answer that it was told of them."""

_log = Logger()


@implementer(ILeg)
class SipLeg:
    """
    What inbound and outbound SIP legs have in common.

    @ivar id: short, for logs.
    @ivar referrals: takes what its party refers.
    @ivar refers: how many times it has done so.
    @ivar login: the user who has logged in when it called.
    @ivar isOutbound: we called the party.
    @param forget: called once with the leg when it has ended.
    """

    isOutbound = False

    dialog: Dialog | None = None
    referrals: Referrals

    def __init__(self, id: str, party: Party, forget: Callable[[SipLeg], None]) -> None:
        self.id = id
        self.party = party
        self.call: ICall = Nobody()
        self._forget = forget
        self._ended = False
        self._answered = False
        self.refers = 0
        self.login: str | None = None
        self._keys = 0
        self._isAsked = False
        self._passing = Passing()
        self._negotiation = Negotiation(failed=self._insecure, whereabouts=self._whereabouts)
        self.changes = Renegotiation(self, self._negotiation)

    @property
    def side(self) -> IMediaSide:
        """See L{ILeg}."""
        return self._negotiation.side

    @side.setter
    def side(self, side: IMediaSide) -> None:
        self._negotiation.side = side
        side.watch(self._unheard)

    @property
    def isAnswered(self) -> bool:
        """Has whoever was called accepted?"""
        return self._answered

    def farewells(self) -> tuple[Farewell, ...]:
        """See L{ichatgw.calls.farewell.Parting}."""
        return () if self._ended or self.dialog is None else self.dialog.farewells()

    def isOf(self, name: DialogId) -> bool:
        """Is it the leg of that dialog, early or not?"""
        dialog = self.dialog
        if dialog is None or dialog.over or dialog.pinned is not None:
            return False
        return dialog.isYours(None, name.callId, name.remote, name.local) is not None

    def start(self, offer: SessionDescription) -> None:
        """Inbound legs have nothing to start."""

    def ring(self) -> None:
        """Outbound legs have nothing to ring."""

    def progress(self, answer: SessionDescription) -> None:
        """Outbound legs have nothing to progress."""

    def answer(self, answer: SessionDescription) -> None:
        """Outbound legs have nothing to answer."""

    def update(self, offer: SessionDescription) -> None:
        """See L{ILeg}."""
        if not self._ended:
            self._guarded(self.changes.update, offer)

    def agree(self, answer: SessionDescription) -> None:
        """See L{ILeg}."""
        if not self._ended:
            self._guarded(self.changes.agree, answer)

    def refuse(self, ending: Ending) -> None:
        """See L{ILeg}."""
        if not self._ended:
            self._guarded(self.changes.refuse, ending)

    def _guarded(self, order: Callable[[Any], None], argument: Any) -> None:
        """Orders never raise: what fails ends the leg."""
        try:
            order(argument)
        except Exception:
            _log.failure("call={call} leg={leg} failed within the call", call=self.call.id, leg=self.id)
            self.hangup(Ending(EndReason.FAILED, "internal error"))

    def info(self, tone: Tone) -> None:
        """In the media; else INFO, if the party takes that."""
        if self._ended or self.side.press(tone):
            return
        if self.dialog is None or self.dialog.pinned is not None:
            return
        why = ""
        if not self.dialog.allows("INFO"):
            why = "it takes no INFO"
        elif self._keys >= MOST_KEYS:
            why = "it has not answered those before"
        else:
            try:
                self.dialog.ask("INFO", self._keyTold, body=bodyOf(dtmfinfo.write(tone), dtmfinfo.RELAY))
                self._keys += 1
            except OSError as problem:
                why = str(problem)
        if why:
            _log.info("call={call} leg={leg} not told of a key: {why}", call=self.call.id, leg=self.id, why=why)

    def _keyTold(self, response: Any) -> None:
        self._keys -= 1

    def hand(self, enclosure: IEnclosure) -> None:
        """See L{ILeg}."""
        if self._ended or not self._answered:
            enclosure.undeliverable()
        else:
            self._passing.hand(self, enclosure)

    def _whereabouts(self) -> Whereabouts | None:
        return None if self.dialog is None else self.dialog.whereabouts

    def _unheard(self) -> None:
        """Nothing is heard of the party, which may be what it does while it is mute: it is asked."""
        dialog = self.dialog
        if self._ended or not self._answered or self._isAsked or dialog is None or dialog.pinned is not None:
            return
        self._isAsked = True
        _log.info(
            "call={call} leg={leg} {party!r:.120} sends no media any more, and is asked whether it is there",
            call=self.call.id,
            leg=self.id,
            party=self.party.uri,
        )
        try:
            dialog.ask("OPTIONS", self._toldOfItself)
        except OSError as problem:
            self._vanished(str(problem))

    def _toldOfItself(self, response: Any) -> None:
        self._isAsked = False
        code, phrase = response.getSCode()
        if endsCall("OPTIONS", code) or response.source is None:
            self._vanished(f"{code} {phrase}")

    def _vanished(self, why: str) -> None:
        self.hangup(Ending(EndReason.CONNECTIVITY, f"no media any more, and no sign of life: {why}"[:200]))

    def _insecure(self, ending: Ending) -> None:
        """The keys for media cannot be agreed on."""
        _log.warn(
            "call={call} leg={leg} has no keys for its media: {why}", call=self.call.id, leg=self.id, why=ending.text
        )
        self.hangup(ending)

    def hangup(self, ending: Ending) -> None:
        """See L{ILeg}."""
        raise NotImplementedError

    def event(self, event: Any, dialog: Any) -> None:
        """sippy's news.  An exception of ours ends this leg and no other."""
        if self._ended or dialog is not self.dialog:
            return  # nothing is expected of an attempt that was given up
        try:
            self._event(event)
        except Exception:
            _log.failure("call={call} leg={leg} failed on {event}", call=self.call.id, leg=self.id, event=str(event))
            self.hangup(Ending(EndReason.FAILED, "internal error"))

    def _event(self, event: Any) -> None:
        raise NotImplementedError

    def requested(self, request: Any) -> Reply | None:
        """See L{ichatgw.sip.dialog.core.Owner}."""
        if request.getMethod() == "INFO":
            return self._handOn(request, self._informed(request))
        if request.getMethod() == "REFER":
            return self.referrals.referred(self, request)
        if request.getMethod() == "SUBSCRIBE":
            return self.referrals.subscribed(self, request)
        if request.getMethod() == "MESSAGE":
            isIChat = self.dialog is not None and self.dialog.pinned is not None
            return self._handOn(request, _sentMessage(request, isIChat))
        return None

    def _handOn(self, request: Any, reply: Reply) -> Reply:
        """What is not for us may be for the other party."""
        return self._passing.requested(self, request, reply) if reply.code == 415 else reply

    def _informed(self, request: Any) -> Reply:
        body = request.getBody()
        if body is None and not request.countHFs("info-package"):
            return OK  # a sign of life of older phones
        kind = "" if body is None else body.getType()
        if kind in (dtmfinfo.RELAY, dtmfinfo.PLAIN):
            try:
                tone = dtmfinfo.parse(str(body.content), kind)
            except MalformedError as problem:
                return Reply(400, f"Bad Key, {problem}")
            self.call.info(self, tone)
            return OK
        if request.countHFs("info-package"):
            return Reply(469, "Bad Info Package", (("recv-info", ""),))  # RFC 6086 section 4.2.2
        return Reply(415, "Unsupported Media Type", (("accept", f"{dtmfinfo.RELAY}, {dtmfinfo.PLAIN}"),))

    def identified(self, message: Any) -> None:
        """See L{ichatgw.sip.dialog.core.Owner}.  Who has logged in stays who it is."""
        if self._ended or self.login is not None or (self.dialog is not None and self.dialog.pinned is not None):
            return
        party = connectedTo(message, self.party)
        if party != self.party:
            _log.info(
                "call={call} leg={leg} {before!r:.120} is {party!r:.120} now",
                call=self.call.id,
                leg=self.id,
                before=self.party.uri,
                party=party.uri,
            )
            self.party = party

    @property
    def _reasons(self) -> str:
        """Why the far end has ended it, in its words."""
        return "" if self.dialog is None else self.dialog.words.reasons

    def lost(self, ending: Ending) -> None:
        """See L{ichatgw.sip.dialog.core.Owner}."""
        self.hangup(ending)

    @property
    def reoffers(self) -> Reoffers | None:
        """See L{ichatgw.sip.leg.renegotiation.Leg}."""
        return None if self.dialog is None else self.dialog.reoffers

    @property
    def signallingHost(self) -> str:
        """See L{ichatgw.sip.leg.renegotiation.Leg}."""
        raise NotImplementedError

    def _finish(self, ending: Ending) -> None:
        if self._ended:
            return
        self._ended = True
        self._passing.over()
        self._forget(self)
        self.call.ended(self, ending)
        self.changes.letGo()
        self._negotiation.letGo()


def _sentMessage(request: Any, toIChat: bool) -> Reply:
    """
    An iChat sends C{PING} every few seconds and wants to hear 200; nothing of it is passed on.  Nobody is told that a
    text was taken which nobody will read (RFC 3428 section 7).
    """
    body = request.getBody()
    viceroy = any(str(agent).startswith("Viceroy") for agent in request.getHFBodys("user-agent"))
    if toIChat or viceroy or body is None or str(body.content).strip() == "PING":
        return OK
    return Reply(415, "Unsupported Media Type", (("accept", "application/sdp"),))


def disconnection(ending: Ending | None) -> Any:
    """The order to send BYE or CANCEL; it says why, if that is given."""
    event = CCEventDisconnect()
    if ending is not None:
        event.extra_headers = (SipHeader(name="reason", bodys=toHeader(ending)),)
    return event
