# -*- test-case-name: ichatgw.test.jingle.test_jmi,ichatgw.test.jingle.test_protocol,ichatgw.test.jingle.test_outbound,ichatgw.test.jingle.test_inbound -*-  # noqa: E501
# mypy: allow-untyped-calls
"""
The messages before and after sessions (XEP-0353), and the legs that they are about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.jingle.calls import Calls
from ichatgw.jingle.inbound import InboundLeg
from ichatgw.jingle.outbound import OutboundLeg
from ichatgw.jingle.session.actions import Phase, Refusal
from ichatgw.jingle.session.reasons import fromError, fromReason, ofRefusal, toReason
from ichatgw.jingle.stanzas.jingle import Reason, conditionOf
from ichatgw.jingle.stanzas.proposals import CallMessage, Word
from ichatgw.model import Ending, EndReason
from ichatgw.xmpp.presence.speeddials import PHONE_RESOURCE
from ichatgw.xmpp.stanzas import bareJID, parseJID, recipient, sender

OLDEST_PROPOSAL = 60.0
"""Seconds that a proposal may have been under way: who made an older one waits no more (Monal has the same)."""

_PROPOSE_ID, _PROCEED_ID = "jm-propose-", "jm-proceed-"

#: A message to a room, or to all of a user's clients, is no call; an error is none either, whatever it repeats.
_NO_CALLS = frozenset({"error", "groupchat", "headline"})

_OVER = Reason("expired", "the call is over")

_log = Logger()


@define(eq=False, kw_only=True)
class Announcements:
    """
    Takes the messages, and gives each to the leg that it is about; a proposal makes one.

    @ivar wallTime: gives the seconds since 1970, by which messages that were delayed are dated.
    @ivar early: see L{InboundLeg}.
    @ivar objection: why a client (first) may not call an address (second).
    @ivar complain: notes what a client is refused.
    @ivar turnedAway: told who (first) called whom in vain, and why.
    @ivar arrive: takes a new call.
    """

    calls: Calls
    clock: IReactorTime
    wallTime: Callable[[], float]
    early: bool
    objection: Callable[[JID, JID], Refusal | None]
    complain: Callable[[JID, str], None]
    turnedAway: Callable[[JID, JID, Ending], None]
    arrive: Callable[[InboundLeg], None]

    def said(self, element: Any) -> None:
        """A message of XEP-0353 has come."""
        if element.getAttribute("type") in _NO_CALLS:
            return
        element.handled = True
        try:
            message = CallMessage.fromElement(element)
        except MalformedError as error:
            _log.debug("A message of a call was dropped: {error}", error=error)
            return
        if message.word is Word.PROPOSE:
            self._proposed(message)
            return
        user, us = bareJID(message.from_), bareJID(message.to)
        inbound = self.calls.inbound.get((user, message.sid))
        if inbound is not None and bareJID(inbound.us) == us:
            self._aboutTheirs(inbound, message)
            return
        outbound = self.calls.outbound.get((user, message.sid))
        if outbound is not None and bareJID(outbound.us) == us:
            self._aboutOurs(outbound, message)
        elif message.word is Word.PROCEED and self.calls.isOver(user, message.sid):
            self._say(message, Word.FINISH, _OVER)
            self._say(message, Word.RETRACT, _OVER)  # Dino and Siskin know nothing else

    def _aboutTheirs(self, leg: InboundLeg, message: CallMessage) -> None:
        """A word about a call that a user makes."""
        if message.word not in (Word.RETRACT, Word.FINISH):
            return
        if leg.session.phase is not Phase.ACTIVE:
            ending = fromReason(message.reason, False) if message.reason else Ending(EndReason.CANCELLED)
            leg.machine.retracted(Ending(EndReason.CANCELLED, ending.text))
        elif message.word is Word.FINISH and message.from_ == leg.caller:
            leg.hangup(fromReason(message.reason, True))

    def _aboutOurs(self, leg: OutboundLeg, message: CallMessage) -> None:
        """
        A word about a call to a user, who may have several clients: one has the call, or none yet.  Each may reject it
        for all; only the one that has it can finish it.
        """
        taker = leg.ringing.taker
        if message.word is Word.RINGING:
            leg.machine.rang()
        elif message.word is Word.PROCEED and message.from_.resource:
            leg.machine.proceeded(message.from_)
        elif leg.session is not None:
            if message.word is Word.FINISH and message.from_ == taker:
                leg.hangup(fromReason(message.reason, True))
        elif message.from_ == taker if message.word is Word.FINISH else taker in (None, message.from_):
            self._rejected(leg, message)

    def _rejected(self, leg: OutboundLeg, message: CallMessage) -> None:
        if message.word in (Word.REJECT, Word.FINISH):
            ending = Ending(EndReason.BUSY, "rejected", cause=17)
            if message.reason is not None and message.reason.condition and not message.tieBreak:
                ending = fromReason(message.reason, False)
            leg.machine.rejected(ending)

    # Proposals

    def _proposed(self, message: CallMessage) -> None:
        user = bareJID(message.from_)
        if not message.from_.resource or self._isKnown(message):
            return
        refusal = self.objection(message.from_, message.to)
        if refusal is not None:
            self.complain(message.from_, f"may not call: {refusal.why or refusal.condition}")
            self.calls.bounce(message, refusal.condition, refusal.why)
            self._say(message, Word.REJECT, toReason(ofRefusal(refusal)))
            self.turnedAway(message.from_, message.to, ofRefusal(refusal))
            return
        if "audio" not in message.media:
            self.complain(message.from_, f"proposes {' '.join(message.media)[:60] or 'nothing'}")
            self._say(message, Word.REJECT, Reason("unsupported-applications", "only audio is carried"))
            self.turnedAway(message.from_, message.to, Ending(EndReason.INCOMPATIBLE, "only audio is carried"))
            return
        if self.calls.isProposedBefore(message):
            self._say(message, Word.REJECT, Reason("expired"), tieBreak=True)
            self.turnedAway(message.from_, message.to, Ending(EndReason.BUSY, "both call each other at once", cause=17))
            return
        self.calls.giveWay(message)
        self.calls.forget(user, message.sid)
        self.arrive(
            InboundLeg(
                caller=message.from_,
                us=_full(message.to),
                sid=message.sid,
                link=self.calls,
                clock=self.clock,
                proposal=message,
                early=self.early,
            )
        )

    def _isKnown(self, message: CallMessage) -> bool:
        """
        Is it no new call?  A client that has lost its server and is back proposes the call again that it still makes
        (Conversations): that one goes on, or it is told that it is over.  What was proposed long ago, and comes now, is
        no call any more.
        """
        user = bareJID(message.from_)
        leg = self.calls.inbound.get((user, message.sid))
        if leg is not None:
            if bareJID(leg.us) == bareJID(message.to):
                leg.machine.proposedAgain(message)
            return True
        if message.sentAt is not None and self.wallTime() - message.sentAt > OLDEST_PROPOSAL:
            self.complain(message.from_, "proposed a call too long ago")
            return True
        if (user, message.sid) in self.calls.outbound:
            return True
        if self.calls.isOver(user, message.sid) and not self.calls.mayReturn(user, message.sid):
            self._say(message, Word.REJECT, _OVER)
            return True
        return False

    def _say(self, message: CallMessage, word: Word, reason: Reason, tieBreak: bool = False) -> None:
        """Answer, from the full address of who is called: not every client takes the bare one."""
        answer = CallMessage(message.from_, _full(message.to), word, message.sid, reason=reason, tieBreak=tieBreak)
        self.calls.say(answer)

    # What comes back

    def received(self, element: Any) -> None:
        """A receipt: older Conversations say by it that they ring."""
        sid = (element.received.getAttribute("id") or "").removeprefix(_PROPOSE_ID)
        leg = self._proposedIn(element, sid)
        if leg is not None:
            leg.machine.rang()

    def failed(self, element: Element) -> None:
        """A proposal or C{proceed} comes back; not every server says which it was but by its id."""
        id = element.getAttribute("id") or ""
        leg = self._proposedIn(element, id.removeprefix(_PROPOSE_ID))
        if leg is not None:
            leg.machine.bounced(sender(element), fromError(conditionOf(element)))
        inbound = self._takenIn(element, id.removeprefix(_PROCEED_ID))
        if inbound is not None and id == _PROCEED_ID + inbound.sid:
            inbound.machine.retracted(Ending(EndReason.CANCELLED, "the client knows of no such call any more"))

    def _takenIn(self, element: Element, sid: str) -> InboundLeg | None:
        """The call of the client that has sent C{element}."""
        try:
            client = sender(element)
        except MalformedError:
            return None
        leg = self.calls.inbound.get((bareJID(client), sid))
        return leg if leg is not None and leg.caller == client else None

    def _proposedIn(self, element: Element, sid: str) -> OutboundLeg | None:
        try:
            leg = self.calls.outbound.get((bareJID(sender(element)), sid))
            return leg if leg is not None and bareJID(leg.us) == bareJID(recipient(element)) else None
        except MalformedError:
            return None


def _full(called: JID) -> JID:
    """The full address under which we speak for a called address of ours."""
    return parseJID(f"{bareJID(called).full()}/{PHONE_RESOURCE}")
