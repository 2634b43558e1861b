# -*- test-case-name: ichatgw.test.gateway.test_build,ichatgw.test.jingle.test_setup -*-
"""
The clients of XMPP users: iChats and those that speak Jingle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import frozen

from ichatgw import __version__
from ichatgw.config.reload import Reloadable
from ichatgw.config.settings import Settings
from ichatgw.gateway.common import Common
from ichatgw.gateway.routing import Routing
from ichatgw.gateway.selfservice import catalogueOf
from ichatgw.gateway.sipside import SIPSide
from ichatgw.ichat.connectdata import AddressRecord, choose
from ichatgw.ichat.farewells import ways as iChatWays
from ichatgw.ichat.options import IChatOptions
from ichatgw.ichat.ourrecords import OurRecords
from ichatgw.ichat.protocol import IChatProtocol
from ichatgw.interfaces import IArrivals, IDialer
from ichatgw.jingle.farewells import ways as jingleWays
from ichatgw.jingle.setup import JingleSide, jingleSideOf, phoneOf
from ichatgw.observe.stream import Events
from ichatgw.xmpp.dialer import ByLink
from ichatgw.xmpp.disco import Disco
from ichatgw.xmpp.nicknames import Nicknames
from ichatgw.xmpp.presence.presence import Presence, Resource
from ichatgw.xmpp.presence.registrations import PresenceRegistrations
from ichatgw.xmpp.presence.staying import Staying, Who
from ichatgw.xmpp.presence.subscriptions import Subscriptions
from ichatgw.xmpp.side import XMPPSide


@frozen
class Clients:
    """
    @ivar iChat: the calls of iChats.
    @ivar jingle: those of clients that speak Jingle; C{None} if these are not served.
    @ivar dialer: dials users of XMPP.
    @ivar online: registers users while they are online.
    @ivar byXMPP: who sends each farewell to a client that the last process has left in a call.
    """

    iChat: IChatProtocol
    jingle: JingleSide | None
    dialer: IDialer
    online: PresenceRegistrations
    byXMPP: Mapping[str, Callable[..., None]]

    def takesJingle(self, client: Resource) -> bool:
        """Is this one that is known to take calls by Jingle?"""
        return self.jingle is not None and self.jingle.takesJingle(client)

    def observe(self, events: Events) -> None:
        """Tell C{events} of what happens to them."""
        self.iChat.events = self.iChat.attempts.events = events
        if self.jingle is not None:
            self.jingle.protocol.calls.events = self.jingle.protocol.attempts.events = events

    def deliver(self, arrivals: IArrivals) -> None:
        """Have their calls taken by C{arrivals}."""
        self.iChat.arrivals = arrivals
        if self.jingle is not None:
            self.jingle.protocol.arrivals = arrivals

    def ringOn(self, ringsOn: Callable[[str], bool]) -> None:
        """Have C{ringsOn} tell whether a call to a user waits for clients that sleep as for those that ring."""
        if self.jingle is not None:
            self.jingle.protocol.ringsOn = ringsOn


def clientsOf(common: Common, sip: SIPSide, routing: Routing, xmpp: XMPPSide) -> Clients:
    """Put it together, and have their stanzas heard."""
    link, presence = xmpp.link, xmpp.presence
    iChat = _iChatOf(common, sip, xmpp)
    presence.listeners.append(iChat)
    callsIChats = ByLink(iChat, lambda: link.trouble)
    jingle = None
    if common.settings.jingle:
        jingle = jingleSideOf(
            common.reactor,
            common.turns,
            common.settings,
            common.addresses,
            xmpp,
            routing.routes.translate,
            callsIChats,
        )
        jingle.protocol.named = xmpp.names.remember
    online = _onlineOf(common, sip, routing, xmpp, jingle)
    presence.listeners.append(online)
    for handler in (
        presence,
        Subscriptions(common.turns, xmpp.control, xmpp.store, presence, xmpp.guests, online.changed),
        online,
        Disco(xmpp.control, __version__, phoneOf(common.settings), catalogueOf(common.settings, xmpp)),
        iChat,
    ):
        link.addHandler(handler)
    dialer = callsIChats if jingle is None else jingle.dialer
    return Clients(iChat, jingle, dialer, online, jingleWays(link.send) | iChatWays(iChat.send))


def _iChatOf(common: Common, sip: SIPSide, xmpp: XMPPSide) -> IChatProtocol:
    settings = common.settings
    ourRecords = OurRecords(common.turns, common.addresses, lambda: sip.wire.port)
    return IChatProtocol(
        common.turns,
        settings.jabberComponentName,
        xmpp.control,
        xmpp.presence,
        sip.endpoint.pinned(),
        IChatOptions(
            identity=settings.sipGatewayIdentity,
            ourRecords=ourRecords,
            choose=partial(_choose, settings, ourRecords),
            proceedingTimeout=settings.iChatProceedingTimeout / 1000,
            ringingTimeout=settings.ringingTimeout,
            inviteTimeout=settings.iChatInviteTimeout,
        ),
        xmpp.guests,
    )


def _choose(settings: Settings, ours: OurRecords, theirs: Sequence[AddressRecord]) -> AddressRecord | None:
    """Where to call an iChat."""
    return choose(
        theirs,
        preferIPv6=settings.preferIPv6,
        skipFirst=settings.skipFirstIChatAddress,
        # A gateway that is bound to loopback has its iChats there too: a test.
        allowLoopback=settings.ipAddress in ("127.0.0.1", "::1"),
        ours=ours(),
    )


def _onlineOf(
    common: Common, sip: SIPSide, routing: Routing, xmpp: XMPPSide, jingle: JingleSide | None
) -> PresenceRegistrations:
    online = PresenceRegistrations(
        common.turns,
        xmpp.presence,
        xmpp.store,
        routing.routes.registrable,
        sip.registrations,
        jingle.takesCalls if jingle is not None else lambda client: client.isIChat,
        xmpp.guests,
    )
    online.staying = Staying(xmpp.store, routing.book.has, routing.book.users, Who(common.settings.registerUsers))
    if jingle is not None:
        nicknames = Nicknames(
            common.turns,
            jingle.capabilities.features,
            xmpp.store.gatewayJIDs,
            xmpp.names.of,
            xmpp.link.send,
            partial(_canSend, xmpp.presence),
        )
        xmpp.presence.listeners.append(nicknames)
        jingle.capabilities.listeners += [online.available, nicknames.available]
    return online


def _canSend(presence: Presence) -> bool:
    """Does the server take in what we send?"""
    return presence.xmlstream is not None and not presence.xmlstream.congested


def reloadableOf(clients: Clients) -> Reloadable:
    """
    What can change while the gateway runs.  To be done when the rules, the domains and the phone book are new: then all
    users are looked at again.
    """
    online = clients.online

    def adopt(settings: Settings) -> None:
        online.staying.who = Who(settings.registerUsers)
        online.reconsider()

    return Reloadable(
        ("translationRules", "allowedXMPPDomains", "phoneBook", "registerUsers"), lambda new: partial(adopt, new)
    )
