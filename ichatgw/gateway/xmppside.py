# -*- test-case-name: ichatgw.test.gateway.test_build,ichatgw.test.config.test_reloadable,ichatgw.test.jingle.test_setup -*-  # noqa: E501
# mypy: allow-untyped-calls
"""
The XMPP side: the link to the server, who may call, who has subscribed and who is online.
"""

from __future__ import annotations

from functools import partial

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.words.protocols.jabber.jid import JID

from ichatgw.config.reload import Reloadable
from ichatgw.gateway.common import Common, messageLogOf
from ichatgw.gateway.routing import Routing
from ichatgw.jingle.setup import phoneOf
from ichatgw.net.dns import Records
from ichatgw.phonebook.book import PhoneBook
from ichatgw.xmpp.cards.avatars import Avatars
from ichatgw.xmpp.cards.pictures import Pictures
from ichatgw.xmpp.disco import GATEWAY
from ichatgw.xmpp.link.component import Account, Link
from ichatgw.xmpp.names import Names
from ichatgw.xmpp.presence.access import XMPPAccess
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.presence.sqlitestore import SQLiteStore
from ichatgw.xmpp.presence.statuses import Statuses
from ichatgw.xmpp.presence.store import ISubscriptionStore, MemoryStore
from ichatgw.xmpp.side import XMPPSide


def xmppSideOf(common: Common, routing: Routing) -> XMPPSide:
    """Put it together."""
    settings, turns = common.settings, common.turns
    control = JID(f"{settings.jabberControlUsername}@{settings.jabberComponentName}")
    guests = XMPPAccess(settings.jabberComponentName, settings.allowedXMPPDomains)
    store = _storeOf(common, guests)
    phone = phoneOf(settings)
    names = Names(turns, routing.nameOf)
    statuses = Statuses(turns)
    pictures = Pictures(turns, common.disk)
    avatars = Avatars(turns, pictures, partial(_photoOf, routing.book))
    caps = () if phone is None else (avatars.adding(statuses.adding(names.adding(phone.addCaps))), GATEWAY.addCaps)
    presence = avatars.shown = Presence(turns, control, routing.routes.matches, store, *caps, allows=guests)
    return XMPPSide(control, guests, _linkOf(common, guests), store, presence, names, statuses, pictures)


def _photoOf(book: PhoneBook, ours: JID) -> str | None:
    entry = book.called(f"xmpp:{ours.userhost()}") if ours.user else None
    return None if entry is None else entry.photo


def _linkOf(common: Common, guests: XMPPAccess) -> Link:
    settings = common.settings
    account = Account(
        settings.jabberServer,
        settings.jabberComponentPort,
        settings.jabberComponentName,
        settings.jabberComponentPassword,
    )
    records = Records(common.reactor, settings.dnsServers)
    link = Link(
        common.reactor, common.turns, account, settings.jabberServerPingDuration, allows=guests, records=records
    )
    link.logMessages(messageLogOf(settings, common.trails))
    return link


def _storeOf(common: Common, guests: XMPPAccess) -> ISubscriptionStore:
    path = common.settings.subscriptionDatabase
    return MemoryStore() if path in ("", "none") else SQLiteStore(common.turns, path, guests, common.disk)


def reloadablesOf(common: Common, xmpp: XMPPSide) -> tuple[Reloadable, ...]:
    """What can change while it runs."""
    guests, link = xmpp.guests, xmpp.link
    return (
        Reloadable(("allowedXMPPDomains",), lambda new: partial(setattr, guests, "domains", new.allowedXMPPDomains)),
        Reloadable(
            ("jabberComponentPassword",), lambda new: partial(setattr, link, "secret", new.jabberComponentPassword)
        ),
        Reloadable(("logLevel", "logHides"), lambda new: partial(link.logMessages, messageLogOf(new, common.trails))),
    )
