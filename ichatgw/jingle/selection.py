# -*- test-case-name: ichatgw.test.jingle.test_selection -*-
# mypy: allow-untyped-calls
"""
How each client of a user is called, and under which address a caller calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol

from attrs import frozen
from twisted.words.protocols.jabber.jid import JID

from ichatgw.jingle.stanzas.namespaces import (
    NS_DTLS,
    NS_ICE_UDP,
    NS_JINGLE,
    NS_MESSAGE,
    NS_RAW_UDP,
    NS_RTP,
    NS_RTP_AUDIO,
)
from ichatgw.model import TransportKind
from ichatgw.xmpp.presence.presence import Resource


class Clients(Protocol):
    """What a leg wants to know of a user's clients."""

    def resources(self, bare: JID) -> Sequence[Resource]:
        """Those that are known to be online, the best to call first."""

    def features(self, resource: Resource) -> frozenset[str] | None:
        """What it can (XEP-0115); C{None} if that is not known, or not yet."""

    def probe(self, user: JID) -> None:
        """Ask the user's server for its presence."""

    def show(self, client: JID, ours: JID) -> None:
        """Show a client one of our addresses, with what it can."""


class Manner(Enum):
    """How a client is called."""

    PROPOSE = "by a message"
    INITIATE = "by a session"
    MAYBE = "by a message, if it understands that"
    NONE = "not"


def manner(resource: Resource, features: frozenset[str] | None, served: frozenset[str]) -> Manner:
    """
    How to call a client with these features.

    @param served: the namespaces of the transports that we have; a client that shares none cannot be called.
    """
    if resource.isIChat:
        return Manner.NONE
    if features is None:
        return Manner.MAYBE
    if not {NS_JINGLE, NS_RTP, NS_RTP_AUDIO} <= features or not features & served:
        return Manner.NONE
    return Manner.PROPOSE if NS_MESSAGE in features else Manner.INITIATE


def transportFor(features: frozenset[str] | None, served: frozenset[str]) -> TransportKind:
    """
    What a client with these features is offered.

    Who says nothing of itself is taken for one of today, with ICE and DTLS.
    """
    if features is None or NS_DTLS in features:
        return TransportKind.DTLS
    if NS_ICE_UDP in features or NS_RAW_UDP not in features & served:
        return TransportKind.KEYS
    return TransportKind.RAW


@frozen
class Targets:
    """
    Who is called.

    @ivar propose: whether the user is sent a proposal, which every client that understands it takes.
    @ivar initiate: the clients that are sent a session each.
    @ivar certain: is a client among them that is known to take proposals?  Those that are sent sessions will say so
        themselves.
    @ivar known: is any client of the user known to be online, be it one that takes no calls?
    """

    propose: bool
    initiate: tuple[JID, ...]
    certain: bool
    known: bool


def select(clients: Clients, callee: JID, served: frozenset[str]) -> Targets:
    """All clients of the user, or the one that C{callee} names; a user of whom none is known is sent a proposal."""
    resources: Iterable[Resource] = clients.resources(callee.userhostJID())
    if callee.resource:
        resources = [resource for resource in resources if resource.jid == callee]
    manners = [(resource.jid, manner(resource, clients.features(resource), served)) for resource in resources]
    found = {way for _, way in manners}
    return Targets(
        propose=not manners or Manner.PROPOSE in found or Manner.MAYBE in found,
        initiate=tuple(jid for jid, way in manners if way is Manner.INITIATE),
        certain=Manner.PROPOSE in found,
        known=bool(manners),
    )
