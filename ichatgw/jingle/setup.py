# -*- test-case-name: ichatgw.test.jingle.test_setup -*-
# mypy: allow-untyped-calls
"""
The Jingle side, as the settings want it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, field, frozen
from twisted.words.protocols.jabber.jid import JID

from ichatgw.config.settings import Settings
from ichatgw.interfaces import IDialer
from ichatgw.jingle.options import JingleOptions
from ichatgw.jingle.protocol import JingleProtocol
from ichatgw.jingle.selection import Manner, manner
from ichatgw.jingle.stanzas.namespaces import NS_DTLS, NS_ICE_UDP, NS_RAW_UDP
from ichatgw.media.transport.transports import MediaTransports
from ichatgw.net.dns import Records
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.net.stunservers import STUNServers
from ichatgw.runtime.turns import Turns
from ichatgw.xmpp.caps.caps import Capabilities
from ichatgw.xmpp.caps.entity import PHONE_FEATURES, Entity
from ichatgw.xmpp.dialer import ByLink, XMPPDialer
from ichatgw.xmpp.presence.presence import Presence, Resource
from ichatgw.xmpp.prompt import Prompt
from ichatgw.xmpp.side import XMPPSide


def servedBy(settings: Settings) -> frozenset[str]:
    """The namespaces of the transports that there are."""
    return frozenset({NS_ICE_UDP, NS_RAW_UDP} if settings.jinglePlainMedia else {NS_ICE_UDP})


def phoneOf(settings: Settings) -> Entity | None:
    """What our addresses are to Jingle clients; C{None} if these are not served."""
    return Entity(PHONE_FEATURES | servedBy(settings) | {NS_DTLS}) if settings.jingle else None


def stunServersOf(reactor: Any, settings: Settings) -> STUNServers | None:
    """The STUN servers that are asked for our public address; C{None} if none is set."""
    if settings.stunServer is None:
        return None
    return STUNServers(Records(reactor, settings.dnsServers), *settings.stunServer)


@frozen
class _Clients:
    """What is known of users' clients: presence and capabilities together."""

    presence: Presence
    capabilities: Capabilities

    def resources(self, bare: JID) -> Sequence[Resource]:
        return self.presence.resources(bare)

    def probe(self, user: JID) -> None:
        self.presence.probe(user)

    def show(self, client: JID, ours: JID) -> None:
        self.presence.showPhone(client, ours)

    def features(self, resource: Resource) -> frozenset[str] | None:
        return self.capabilities.features(resource)


@define(eq=False)
class JingleSide:
    """
    What serves Jingle clients.

    @ivar served: the namespaces of the transports that there are.
    @ivar dialer: dials XMPP users, by Jingle or as iChats.
    """

    protocol: JingleProtocol
    capabilities: Capabilities
    served: frozenset[str]
    dialer: XMPPDialer = field(init=False)

    def takesJingle(self, client: Resource) -> bool:
        """Is this a client that is known to take calls by Jingle?"""
        way = manner(client, self.capabilities.features(client), self.served)
        return way in (Manner.PROPOSE, Manner.INITIATE)

    def takesCalls(self, client: Resource) -> bool:
        """Is this a client that can be called, an iChat or another one?"""
        return client.isIChat or self.takesJingle(client)


def jingleSideOf(
    reactor: Any,
    turns: Turns,
    settings: Settings,
    addresses: LocalAddresses,
    xmpp: XMPPSide,
    translate: Callable[[str], str],
    iChat: IDialer,
) -> JingleSide:
    """
    Put it together; C{xmpp.presence} was made with L{phoneOf}.

    @param turns: when timers have their turn; those of media are the reactor's own.
    @param translate: gives the address that a called one stands for, or raises L{ichatgw.errors.NoRoute}.
    @param iChat: dials iChats.
    """
    served = servedBy(settings)
    link, presence, guests = xmpp.link, xmpp.presence, xmpp.guests
    capabilities = Capabilities(turns, xmpp.control, guests)
    protocol = JingleProtocol(
        turns,
        time.time,
        settings.jabberComponentName,
        _Clients(presence, capabilities),
        MediaTransports(
            reactor, os.urandom, addresses.all, settings.jinglePlainMedia, stunServersOf(reactor, settings)
        ),
        translate,
        guests,
        JingleOptions(
            served=served,
            early=settings.jingleEarlyMedia,
            lateAnswer=settings.jingleAnswerWithMedia,
            ringingTimeout=settings.ringingTimeout,
            proceedingTimeout=settings.jingleProceedingTimeout / 1000,
        ),
    )
    made = JingleSide(protocol, capabilities, served)
    patience = settings.iChatProceedingTimeout / 1000
    made.dialer = XMPPDialer(turns, presence, iChat, ByLink(protocol, lambda: link.trouble), made.takesJingle, patience)
    presence.listeners += [capabilities, protocol, made.dialer]
    capabilities.listeners.append(protocol.available)
    for handler in (capabilities, protocol, Prompt(settings.jabberComponentName)):
        link.addHandler(handler)
    return made
