# -*- test-case-name: ichatgw.test.sip.leg,ichatgw.test.sip.message.test_identity,ichatgw.test.sip.transfer.test_refer,ichatgw.test.sip.dialog -*-  # noqa: E501
"""
The SIP party's side of a call: one dialog seen as a leg.

There is no machine of ours here, sippy's dialog is one.  A leg turns orders into sippy's events and those into news,
puts its side of the relay into each description, and sees to it that C{ended} is said once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sippy.CCEvents import CCEventDisconnect, CCEventGeneric
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.calls.nulls import NoCall
from ichatgw.interfaces import ICall, IChange, IMediaSide, IMessage
from ichatgw.model import Ending, EndReason, Farewell, Party, Whereabouts
from ichatgw.observe.stream import UNREAD
from ichatgw.sip.dialog.dialog import Dialog
from ichatgw.sip.dialog.reinvite import Reoffers
from ichatgw.sip.dialog.replaces import DialogId
from ichatgw.sip.dialog.requests import Reply
from ichatgw.sip.leg.incallmessages import InCallMessages
from ichatgw.sip.leg.interfaces import ISipLeg, Transfers
from ichatgw.sip.leg.liveness import Liveness
from ichatgw.sip.leg.negotiation import Negotiation
from ichatgw.sip.leg.renegotiation import Renegotiation
from ichatgw.sip.leg.telling import Telling
from ichatgw.sip.message.identity import connectedTo
from ichatgw.sip.message.status import toHeader

_log = Logger()

_Given = TypeVar("_Given")


@implementer(ISipLeg)
class SipLeg:
    """
    What inbound and outbound SIP legs have in common.

    @ivar id: short, for logs.
    @ivar referrals: takes what its party refers.
    @ivar trail: the Call-ID; empty if there is none yet.
    @ivar events: told of it.
    @ivar refers: how many times it has done so.
    @ivar login: the user who has logged in when it called.
    @ivar isOutbound: we called the party.
    @ivar telling: when its party is told who is at the other end.
    @param forget: called once with the leg when it has ended.
    """

    isOutbound = False
    signallingHost = ""
    kind = "sip"
    trail = ""
    events = UNREAD

    dialog: Dialog | None = None
    referrals: Transfers[SipLeg]
    telling = Telling.NEVER

    def __init__(self, id: str, party: Party, forget: Callable[[SipLeg], None]) -> None:
        self.id = id
        self.party = party
        self.call: ICall = NoCall()
        self._forget = forget
        self._ended = False
        self._answered = False
        self.refers = 0
        self.login: str | None = None
        self._liveness = Liveness()
        self._messages = InCallMessages()
        self._negotiation = Negotiation(failed=self._insecure, whereabouts=partial(_whereabouts, self))
        self.changes = Renegotiation(self, self._negotiation)

    @property
    def side(self) -> IMediaSide:
        """See L{ichatgw.interfaces.ILeg}."""
        return self._negotiation.side

    @side.setter
    def side(self, side: IMediaSide) -> None:
        self._negotiation.side = side
        side.watch(partial(self._liveness.unheard, self))

    @property
    def isAnswered(self) -> bool:
        """Has the called party accepted?"""
        return self._answered

    @property
    def isOver(self) -> bool:
        """Has it said that it ended?"""
        return self._ended

    def farewells(self) -> tuple[Farewell, ...]:
        """See L{ichatgw.interfaces.ILeg}."""
        return () if self._ended or self.dialog is None else self.dialog.farewells()

    def isOf(self, name: DialogId) -> bool:
        """Is it the leg of that dialog, early or not?"""
        dialog = self.dialog
        if dialog is None or dialog.over or dialog.pinned is not None:
            return False
        return dialog.isYours(None, name.callId, name.remote, name.local) is not None

    def change(self, change: IChange) -> None:
        """See L{ichatgw.interfaces.ILeg}."""
        self.guarded(self.changes.change, change)

    def guarded(self, order: Callable[[_Given], None], argument: _Given) -> None:
        """Orders never raise: what fails ends the leg.  After its end none is carried out."""
        if self._ended:
            return
        try:
            order(argument)
        except Exception:
            _log.failure("call={call} leg={leg} failed within the call", call=self.call.id, leg=self.id)
            self.hangup(Ending(EndReason.FAILED, "internal error"))

    def hand(self, message: IMessage) -> None:
        """See L{ichatgw.interfaces.ILeg}."""
        self._messages.hand(self, message)

    def _insecure(self, ending: Ending) -> None:
        """The keys for media cannot be agreed on."""
        _log.warn(
            "call={call} leg={leg} has no keys for its media: {why}", call=self.call.id, leg=self.id, why=ending.text
        )
        self.hangup(ending)

    def hangup(self, ending: Ending) -> None:
        """See L{ichatgw.interfaces.ILeg}."""
        raise NotImplementedError

    def event(self, event: CCEventGeneric, dialog: object) -> None:
        """sippy's news.  An exception of ours ends this leg and no other."""
        if self._ended or dialog is not self.dialog:
            return  # nothing is expected of an attempt that was given up
        try:
            self._event(event)
        except Exception:
            _log.failure("call={call} leg={leg} failed on {event}", call=self.call.id, leg=self.id, event=str(event))
            self.hangup(Ending(EndReason.FAILED, "internal error"))

    def _event(self, event: CCEventGeneric) -> None:
        raise NotImplementedError

    def requested(self, request: SipRequest) -> Reply | None:
        """See L{ichatgw.sip.dialog.owner.Owner}."""
        method = request.getMethod()
        if method in ("INFO", "MESSAGE"):
            return self._messages.requested(self, request)
        if method == "REFER":
            return self.referrals.referred(self, request)
        if method == "SUBSCRIBE":
            return self.referrals.subscribed(self, request)
        return None

    def identified(self, message: SipMsg) -> None:
        """See L{ichatgw.sip.dialog.owner.Owner}.  Who has logged in stays who it is."""
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
            self._messages.renamed(self)

    @property
    def _reasons(self) -> str:
        """Why the far end has ended it, in its words."""
        return "" if self.dialog is None else self.dialog.words.reasons

    def lost(self, ending: Ending) -> None:
        """See L{ichatgw.sip.dialog.owner.Owner}."""
        self.hangup(ending)

    @property
    def reoffers(self) -> Reoffers | None:
        """See L{ISipLeg}."""
        return None if self.dialog is None else self.dialog.reoffers

    def _finish(self, ending: Ending) -> None:
        if self._ended:
            return
        self._ended = True
        self._messages.over()
        self._forget(self)
        self.call.ended(self, ending)
        self.changes.letGo()
        self._negotiation.letGo()


def _whereabouts(leg: SipLeg) -> Whereabouts | None:
    return None if leg.dialog is None else leg.dialog.remote.whereabouts


def disconnection(ending: Ending | None) -> CCEventDisconnect:
    """The order to send BYE or CANCEL; it says why, if that is given."""
    event = CCEventDisconnect()
    if ending is not None:
        event.extra_headers = (SipHeader(name="reason", bodys=toHeader(ending)),)
    return event
