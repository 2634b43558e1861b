# -*- test-case-name: ichatgw.test.jingle.session.test_session -*-
"""
What a Jingle session asks of its surroundings.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from attrs import define, field
from twisted.words.xish.domish import Element

from ichatgw.calls.nulls import NoCall
from ichatgw.interfaces import ICall, IMediaSide, IMediaTransports
from ichatgw.jingle.stanzas.jingle import Action
from ichatgw.model import Direction, Ending, SessionDescription

S = TypeVar("S", contravariant=True)
"""The L{Session<ichatgw.jingle.session.session.Session>} that asks or tells."""


class SessionLink(Protocol[S]):
    """What carries the stanzas of a session."""

    transports: IMediaTransports

    def ask(self, session: S, action: Action, *payload: Element) -> None:
        """Send a request of the session, if the link is up."""

    def enter(self, session: S) -> None:
        """From now on, what comes for it goes to C{session}."""

    def leave(self, session: S) -> None:
        """C{session} is over: forget it."""


class SessionOwner(Protocol[S]):
    """The leg that a session belongs to."""

    id: str
    call: ICall
    side: IMediaSide

    def hangup(self, ending: Ending) -> None:
        """End it."""

    def sessionRang(self, session: S) -> None:
        """The party is alerted."""

    def sessionAcknowledged(self, session: S) -> None:
        """The party's client has our offer."""

    def sessionAccepted(self, session: S, answer: SessionDescription) -> None:
        """The party has accepted."""

    def sessionConnected(self, session: S) -> None:
        """Media can flow."""

    def sessionEnded(self, session: S, ending: Ending) -> None:
        """It is over, and not by an order of the leg."""

    def sessionHeld(self, session: S, direction: Direction) -> None:
        """The party now lets media flow that way, seen from it."""

    def sessionPressed(self, session: S, digit: str, milliseconds: int) -> None:
        """The party has pressed a key (XEP-0181)."""


@define(eq=False)
class NoOwner(SessionOwner[Any]):
    """In the place of a leg that has ended: it is told everything, and what L{SessionOwner} makes of it is nothing."""

    id: str
    call: ICall
    side: IMediaSide = field(init=False)

    @classmethod
    def after(cls, leg: SessionOwner[Any]) -> NoOwner:
        """What is left of C{leg}."""
        return cls(leg.id, NoCall(leg.call.id))
