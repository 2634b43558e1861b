# -*- test-case-name: ichatgw.test.test_jingletap -*-
# mypy: allow-untyped-calls
"""
The Jingle side, as the settings want it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ichatgw.xmpp.compat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, frozen
from twisted.words.protocols.jabber.jid import JID

from ichatgw.addresses import LocalAddresses
from ichatgw.choice import Chooser
from ichatgw.config import Settings
from ichatgw.interfaces import IDialer
from ichatgw.jingle.namespaces import NS_RAW_UDP
from ichatgw.jingle.protocol import JingleOptions, JingleProtocol
from ichatgw.jingle.selection import Manner, manner
from ichatgw.media.plain import PlainTransports
from ichatgw.xmpp.caps import PHONE_FEATURES, Capabilities, Phone
from ichatgw.xmpp.component import Link
from ichatgw.xmpp.presence import Presence, Resource
from ichatgw.xmpp.prompt import Prompt

SERVED = frozenset({NS_RAW_UDP})
"""The transports that there are."""


def phoneOf(settings: Settings) -> Phone | None:
    """What our addresses are to Jingle clients; C{None} if these are not served."""
    return Phone(PHONE_FEATURES | SERVED) if settings.jinglePlainMedia else None


@frozen
class _Clients:
    """What is known of users' clients: presence and capabilities together."""

    presence: Presence
    capabilities: Capabilities

    def resources(self, bare: JID) -> Sequence[Resource]:
        return self.presence.resources(bare)

    def probe(self, user: JID) -> None:
        self.presence.probe(user)

    def features(self, resource: Resource) -> frozenset[str] | None:
        return self.capabilities.features(resource)


@define(eq=False)
class JingleSide:
    """
    What serves Jingle clients.

    @ivar dialer: dials XMPP users, by Jingle or as iChats.
    """

    protocol: JingleProtocol
    capabilities: Capabilities
    dialer: Chooser

    def takesCalls(self, client: Resource) -> bool:
        """Is this a client that can be called, an iChat or another one?"""
        features = self.capabilities.features(client)
        return client.isIChat or manner(client, features, SERVED) in (Manner.PROPOSE, Manner.INITIATE)


def jingleSideOf(
    reactor: Any,
    settings: Settings,
    addresses: LocalAddresses,
    link: Link,
    presence: Presence,
    control: JID,
    translate: Callable[[str], str],
    guests: Callable[[JID], bool],
    iChat: IDialer,
) -> JingleSide:
    """
    Put it together; C{presence} was made with L{phoneOf}.

    @param control: the control address.
    @param guests: who may call.
    @param iChat: dials iChats.
    """
    capabilities = Capabilities(reactor, control)
    protocol = JingleProtocol(
        reactor,
        settings.jabberComponentName,
        _Clients(presence, capabilities),
        PlainTransports(addresses.all),
        presence.showPhone,
        translate,
        guests,
        JingleOptions(
            served=SERVED,
            early=settings.jingleEarlyMedia,
            lateAnswer=settings.jingleAnswerWithMedia,
            ringingTimeout=settings.ringingTimeout,
        ),
    )
    chooser = Chooser(reactor, presence, iChat, protocol, settings.iChatProceedingTimeout / 1000)
    presence.listeners += [capabilities, protocol, chooser]
    capabilities.listeners.append(protocol.available)
    for handler in (capabilities, protocol, Prompt(settings.jabberComponentName)):
        link.addHandler(handler)
    return JingleSide(protocol, capabilities, chooser)
