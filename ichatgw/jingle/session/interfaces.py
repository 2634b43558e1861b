# -*- test-case-name: ichatgw.test.jingle.session.test_session -*-
"""
What a Jingle session asks of its surroundings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import define, field
from twisted.words.xish.domish import Element

from ichatgw.calls.call import Nobody
from ichatgw.interfaces import ICall, IMediaSide, IMediaTransports
from ichatgw.jingle.stanzas.jingle import Action
from ichatgw.model import Direction, Ending, SessionDescription

if TYPE_CHECKING:
    from ichatgw.jingle.session.session import Session


class SessionLink(Protocol):
    """What carries the stanzas of a session."""

    transports: IMediaTransports

    def ask(self, session: Session, action: Action, *payload: Element) -> None:
        """Send a request of the session, if the link is up."""

    def enter(self, session: Session) -> None:
        """From now on, what comes for it goes to C{session}."""

    def leave(self, session: Session) -> None:
        """C{session} is over: forget it."""


class SessionOwner(Protocol):
    """The leg that a session belongs to."""

    id: str
    call: ICall
    side: IMediaSide

    def hangup(self, ending: Ending) -> None:
        """End it."""

    def sessionRang(self, session: Session) -> None:
        """The party is alerted."""

    def sessionAcknowledged(self, session: Session) -> None:
        """The party's client has our offer."""

    def sessionAccepted(self, session: Session, answer: SessionDescription) -> None:
        """The party has accepted."""

    def sessionConnected(self, session: Session) -> None:
        """Media can flow."""

    def sessionEnded(self, session: Session, ending: Ending) -> None:
        """It is over, and not by an order of the leg."""

    def sessionHeld(self, session: Session, direction: Direction) -> None:
        """The party now lets media flow that way, seen from it."""

    def sessionPressed(self, session: Session, digit: str, milliseconds: int) -> None:
        """The party has pressed a key (XEP-0181)."""


@define(eq=False)
class NoOwner(SessionOwner):
    """In the place of a leg that has ended: it is told everything, and what L{SessionOwner} makes of it is nothing."""

    id: str
    call: ICall
    side: IMediaSide = field(init=False)

    @classmethod
    def after(cls, leg: SessionOwner) -> NoOwner:
        """What is left of C{leg}."""
        return cls(leg.id, Nobody(leg.call.id))
