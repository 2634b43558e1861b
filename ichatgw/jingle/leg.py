# -*- test-case-name: ichatgw.test.jingle.test_inbound,ichatgw.test.jingle.test_midcall,ichatgw.test.jingle.test_contract -*-  # noqa: E501
"""
What the two kinds of Jingle legs have in common.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.calls.nulls import Unanswered
from ichatgw.errors import NoCommonCodec
from ichatgw.interfaces import IChange, ILeg, IMessage
from ichatgw.jingle.session.actions import Phase
from ichatgw.jingle.session.interfaces import SessionLink, SessionOwner
from ichatgw.jingle.session.session import Session
from ichatgw.jingle.stanzas.proposals import CallMessage
from ichatgw.jingle.stanzas.xml import writable
from ichatgw.model import ANONYMOUS, KEYS, PCMA, PCMU, Codec, Connected, Ending, EndReason, SessionDescription, Tone
from ichatgw.sdp import answerCodecs

ACCEPT_TIMEOUT = 30.0
"""Seconds that a client has to initiate its session after C{proceed}, or to accept ours: some make a certificate."""

PROPOSED = SessionDescription(
    (
        Codec("opus", 48000, 111, 2, "minptime=10;useinbandfec=1"),
        Codec("G722", 8000, 9),
        PCMA,
        PCMU,
        Codec("telephone-event", 48000, 110, 1, "0-15"),
        Codec("telephone-event", 8000, 101, 1, "0-15"),
    )
)
"""
What a client that proposes a call can be taken to speak: it says so itself only after the call was answered.  All
that are known have Opus, PCMA and PCMU, and most have G722; a phone that has taken what the client lacks after all is
asked to go over to what it has.
"""


class LegLink(SessionLink[Session], Protocol):
    """What carries the stanzas of a leg, besides those of its sessions."""

    send: Callable[[Element], None]

    def say(self, message: CallMessage) -> None:
        """Send it, if the link is up."""

    def bounce(self, message: CallMessage, condition: str, text: str) -> None:
        """
        Answer a proposal with an error, which says that the call failed to clients that look for it.  Those that do
        not are to be told by a C{reject} after it.
        """

    def receipt(self, message: CallMessage) -> None:
        """Confirm a message that came, if it asks for it."""

    def show(self, to: JID, us: JID) -> None:
        """
        Show C{us} to a client: it reads from presence what we can, and of exactly the address that it talks to.
        """

    def over(self, leg: ILeg) -> None:
        """C{leg} has ended: forget it."""


class Ends(Protocol):
    """The machine of a leg, as far as both kinds know it."""

    def hangup(self, ending: Ending) -> None: ...


class JingleLeg(SessionOwner[Session]):
    """
    What both kinds of legs do with the orders that all legs get.

    @ivar session: by which the leg talks, if it does so yet.
    """

    machine: Ends
    link: LegLink
    session: Session | None

    def change(self, change: IChange) -> None:
        """
        See L{ILeg}.  A client is told of hold, and goes on with the formats that it has as long as there is one among
        those of the other party.
        """
        session = self.session
        if session is None or session.phase is not Phase.ACTIVE or change.isSettled:
            return
        try:
            answerCodecs(change.offer.codecs, session.theirs)
        except NoCommonCodec as error:
            change.refuse(Ending(EndReason.INCOMPATIBLE, str(error)))
            return
        session.tellHold(not change.offer.direction.listens)
        change.agree(session.theirs)

    def hand(self, message: IMessage) -> None:
        """
        See L{ILeg}.  A client is told of keys, in its media or else in the session, and its user who is there now;
        it would not know what anything else is.
        """
        value = message.value
        if isinstance(value, Connected):
            _introduce(self)
        elif not isinstance(value, Tone):
            message.undeliverable()
        elif self.session is not None and not self.side.press(value):
            self.session.tellKey(value.key, value.milliseconds)

    def hangup(self, ending: Ending) -> None:
        """See L{ILeg}."""
        self.machine.hangup(ending)


def _introduce(leg: JingleLeg) -> None:
    """No client shows another party within a session, so its user is told by a message from who was there before."""
    session, peer = leg.session, leg.call.peer(cast(ILeg, leg))
    if session is None or session.phase is not Phase.ACTIVE or peer is None:
        return
    who = f"{peer.name} ({peer.user})" if peer.name and peer.user and peer != ANONYMOUS else peer.name or peer.user
    message = Element((None, "message"))
    message["from"], message["to"], message["type"] = session.us.full(), session.them.full(), "chat"
    message.addElement("body", content=writable(f"You are connected to {who} now"))
    leg.link.send(message)


def pressed(leg: ILeg, digit: str, milliseconds: int) -> None:
    """A client has pressed a key, and said so in the session."""
    if digit in KEYS:
        leg.call.handed(leg, Unanswered(Tone(digit, milliseconds) if milliseconds else Tone(digit)))
