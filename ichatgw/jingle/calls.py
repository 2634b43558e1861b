# -*- test-case-name: ichatgw.test.jingle.test_protocol,ichatgw.test.jingle.test_inbound -*-
# mypy: allow-untyped-calls
"""
The Jingle legs and sessions that live, and the way of what they say.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, field
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.interfaces import ILeg, IMediaTransports
from ichatgw.jingle.inbound import InboundLeg
from ichatgw.jingle.outbound import OutboundLeg
from ichatgw.jingle.session.actions import Phase
from ichatgw.jingle.session.pendingiqs import PendingIQs
from ichatgw.jingle.session.session import Session
from ichatgw.jingle.stanzas.jingle import Action, Jingle, writeJingle
from ichatgw.jingle.stanzas.proposals import CallMessage
from ichatgw.jingle.stanzas.xml import writable
from ichatgw.model import Ending, EndReason
from ichatgw.observe.callreports import follow
from ichatgw.observe.stream import UNREAD, Events
from ichatgw.xmpp.stanzas import bareJID

MAX_REMEMBERED = 1000
"""Sessions that are over are remembered, as a C{proceed} or a C{session-initiate} may come late."""

LegOfUser = TypeVar("LegOfUser", InboundLeg, OutboundLeg)


@define(eq=False, kw_only=True)
class Calls:
    """
    Carries the stanzas of legs and sessions (L{ichatgw.jingle.outbound.OutboundLink}), and knows to whom answers go.

    @ivar transports: makes the transports of media.
    @ivar send: sends a stanza, if the link is up.
    @ivar show: see L{ichatgw.jingle.leg.LegLink}.
    @ivar events: told by what messages are known.
    @ivar legs: those that live.
    @ivar sessions: by the address of the client and their name.
    @ivar inbound: the legs of users who call, by the bare address of the user and the name of the session.
    @ivar outbound: the same of users who are called.
    @ivar questions: the requests of the sessions that wait for an answer.
    """

    transports: IMediaTransports
    send: Callable[[Element], None]
    show: Callable[[JID, JID], None]
    events: Events = UNREAD
    legs: set[ILeg] = field(init=False, factory=set)
    sessions: dict[tuple[JID, str], Session] = field(init=False, factory=dict)
    inbound: dict[tuple[JID, str], InboundLeg] = field(init=False, factory=dict)
    outbound: dict[tuple[JID, str], OutboundLeg] = field(init=False, factory=dict)
    questions: PendingIQs = field(init=False, factory=PendingIQs)
    _callers: dict[JID, dict[str, InboundLeg]] = field(init=False, factory=dict)
    _callees: dict[JID, dict[str, OutboundLeg]] = field(init=False, factory=dict)
    # Those that are over, and whether they may begin anew.
    _past: OrderedDict[tuple[JID, str], bool] = field(init=False, factory=OrderedDict)

    def session(self, them: JID, us: JID, sid: str) -> Session | None:
        """The session with that client, under whichever of the addresses of one of our users."""
        found = self.sessions.get((them, sid))
        return found if found is not None and bareJID(found.us) == bareJID(us) else None

    def arrived(self, leg: InboundLeg) -> None:
        """A user calls."""
        self.legs.add(leg)
        user = bareJID(leg.caller)
        self.inbound[user, leg.sid] = self._callers.setdefault(user, {})[leg.sid] = leg

    def by(self, user: JID) -> Sequence[InboundLeg]:
        """The legs of a user who calls, whichever client."""
        return tuple(self._callers.get(bareJID(user), {}).values())

    def to(self, user: JID) -> Sequence[OutboundLeg]:
        """The legs towards the clients of a user, of whom one is named or none."""
        return tuple(self._callees.get(bareJID(user), {}).values())

    def isOver(self, user: JID, sid: str) -> bool:
        """Was there a call of this name with the user, a while ago?"""
        return (user, sid) in self._past

    def letReturn(self, user: JID, sid: str) -> None:
        """The call of this name is over because its client was lost, and may be proposed again when that is back."""
        if (user, sid) in self._past:
            self._past[user, sid] = True

    def mayReturn(self, user: JID, sid: str) -> bool:
        """Was L{letReturn} called for it?"""
        return self._past.get((user, sid), False)

    def forget(self, user: JID, sid: str) -> None:
        """A call of this name begins."""
        self._past.pop((user, sid), None)

    # Both call each other at once: what has the lower name goes on

    def goesBefore(self, offered: Jingle) -> bool:
        """Does a session that we have offered to the client go before the one that it offers (XEP-0166 7.2.3)?"""
        return any(
            them == offered.from_
            and sid < offered.sid
            and session.isInitiator
            and session.phase is Phase.PENDING
            and bareJID(session.us) == bareJID(offered.to)
            for (them, sid), session in self.sessions.items()
        )

    def isProposedBefore(self, proposal: CallMessage) -> bool:
        """Does our proposal to the user win over their own, when both were made at once (XEP-0353 section 3.7)?"""
        return any(leg.sid < proposal.sid for leg in self._crossing(proposal))

    def giveWay(self, proposal: CallMessage) -> None:
        """The user's proposal goes before ours, and not every client says so (Conversations)."""
        for leg in self._crossing(proposal):
            leg.machine.fail(Ending(EndReason.BUSY, "both call each other at once", cause=17))

    def _crossing(self, proposal: CallMessage) -> list[OutboundLeg]:
        """Our legs that propose a call to the user from the very address that the user calls."""
        us = bareJID(proposal.to)
        return [leg for leg in self.to(proposal.from_) if leg.ringing.isProposed and bareJID(leg.us) == us]

    # What the legs and sessions ask for

    def ask(self, session: Session, action: Action, *payload: Element) -> None:
        """See L{ichatgw.jingle.session.interfaces.SessionLink}."""
        initiator = None
        if action in (Action.INITIATE, Action.ACCEPT):
            initiator = session.us if session.isInitiator else session.them
        iq = writeJingle(session.them, session.us, action, session.sid, *payload, initiator=initiator)
        iq["id"] = self.questions.ask(session, action)
        self.send(iq)

    def enter(self, session: Session) -> None:
        """See L{ichatgw.jingle.session.interfaces.SessionLink}."""
        self.sessions[session.them, session.sid] = session

    def leave(self, session: Session) -> None:
        """See L{ichatgw.jingle.session.interfaces.SessionLink}."""
        if self.sessions.get((session.them, session.sid)) is session:
            del self.sessions[session.them, session.sid]
            self._remember(bareJID(session.them), session.sid)
        self.questions.forget(session)

    def say(self, message: CallMessage) -> None:
        """See L{ichatgw.jingle.leg.LegLink}."""
        self.send(message.toElement())

    def bounce(self, message: CallMessage, condition: str, text: str) -> None:
        """See L{ichatgw.jingle.leg.LegLink}."""
        self.send(message.error(condition, writable(text)))

    def receipt(self, message: CallMessage) -> None:
        """See L{ichatgw.jingle.leg.LegLink}."""
        if message.wantsReceipt and message.id:
            self.send(message.receipt())

    def enrol(self, leg: OutboundLeg) -> None:
        """See L{ichatgw.jingle.outbound.OutboundLink}."""
        self.legs.add(leg)
        user = bareJID(leg.callee)
        self.outbound[user, leg.sid] = self._callees.setdefault(user, {})[leg.sid] = leg
        follow(self.events, leg, leg.sid)

    def over(self, leg: ILeg) -> None:
        """Forget a leg that has ended."""
        self.legs.discard(leg)
        if isinstance(leg, InboundLeg):
            user = bareJID(leg.caller)
            self.inbound.pop((user, leg.sid), None)
            _take(self._callers, user, leg.sid)
            self._remember(user, leg.sid)
        elif isinstance(leg, OutboundLeg):
            user = bareJID(leg.callee)
            self.outbound.pop((user, leg.sid), None)
            _take(self._callees, user, leg.sid)
            self._remember(user, leg.sid)

    def _remember(self, user: JID, sid: str) -> None:
        self._past[user, sid] = False
        self._past.move_to_end((user, sid))
        if len(self._past) > MAX_REMEMBERED:
            self._past.popitem(last=False)


def _take(legs: dict[JID, dict[str, LegOfUser]], user: JID, sid: str) -> None:
    """Remove one leg of a user from C{legs}."""
    own = legs.get(user, {})
    own.pop(sid, None)
    if not own:
        legs.pop(user, None)
