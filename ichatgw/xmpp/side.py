# -*- test-case-name: ichatgw.test.gateway.test_build,ichatgw.test.jingle.test_setup -*-
"""
The parts of the XMPP side that all its protocols share.
"""

from __future__ import annotations

from attrs import frozen
from twisted.words.protocols.jabber.jid import JID

from ichatgw.xmpp.cards.pictures import Pictures
from ichatgw.xmpp.link.component import Link
from ichatgw.xmpp.names import Names
from ichatgw.xmpp.presence.access import XMPPAccess
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.presence.sqlitestore import SQLiteStore
from ichatgw.xmpp.presence.statuses import Statuses
from ichatgw.xmpp.presence.store import ISubscriptionStore


@frozen
class XMPPSide:
    """
    @ivar control: the control address.
    @ivar guests: whose users may call.
    @ivar link: the link to the server.
    @ivar store: who has subscribed to what.
    @ivar presence: who is online.
    @ivar names: the names of numbers, as users are shown them.
    @ivar statuses: what numbers say of themselves.
    @ivar pictures: reads those of the phone book.
    """

    control: JID
    guests: XMPPAccess
    link: Link
    store: ISubscriptionStore
    presence: Presence
    names: Names
    statuses: Statuses
    pictures: Pictures

    @property
    def database(self) -> SQLiteStore | None:
        """The store, if it is one on disk: a service of its own."""
        return self.store if isinstance(self.store, SQLiteStore) else None
