# -*- test-case-name: ichatgw.test.test_xmpp_online -*-
"""
Tests for L{ichatgw.xmpp.online}.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from zope.interface.verify import verifyObject

from ichatgw.errors import NoRoute
from ichatgw.xmpp.batches import BATCH, BATCH_INTERVAL
from ichatgw.xmpp.online import GRACE, Online
from ichatgw.xmpp.presence import IPresenceListener, Presence, Resource
from ichatgw.xmpp.store import MemoryStore

SCOTT = JID("scott@chat.example")
PHONE = JID("72@gw.example")


def client(resource: str = "iChat", node: str = "apple:ichat:caps") -> Resource:
    return Resource(JID(f"scott@chat.example/{resource}"), "", 0, node, "1", frozenset())


class FakeRegistrations:
    """Remembers who is registered where."""

    def __init__(self) -> None:
        self.byUser: dict[str, str] = {}

    @property
    def users(self) -> frozenset[str]:
        return frozenset(self.byUser)

    def add(self, user: str, aor: str) -> None:
        self.byUser[user] = aor

    def remove(self, user: str) -> None:
        self.byUser.pop(user, None)


class FakePresence:
    """The table of clients."""

    def __init__(self) -> None:
        self.table: tuple[Resource, ...] = ()

        self.others: list[JID] = []

    @property
    def users(self) -> tuple[JID, ...]:
        return (*self.others, SCOTT) if self.table else tuple(self.others)

    def resources(self, bare: JID) -> tuple[Resource, ...]:
        return self.table if bare == SCOTT else ()


class OnlineTests(SynchronousTestCase):
    """L{Online}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.presence = FakePresence()
        self.store = MemoryStore()
        self.store.add(SCOTT, PHONE)
        self.registrations = FakeRegistrations()
        self.output = "sip:scott@sip.example"
        self.domains = {"chat.example"}
        self.online = Online(
            self.clock,
            cast(Presence, self.presence),
            self.store,
            self.translate,
            self.registrations,
            lambda resource: resource.isIChat,
            lambda user: user.host in self.domains,
        )

    def translate(self, address: str) -> str:
        self.assertEqual(address, "xmpp:scott@chat.example")
        if not self.output:
            raise NoRoute("no rule")
        return self.output

    def come(self, *clients: Resource) -> None:
        self.presence.table = clients
        self.online.available(clients[0])

    def assertRegistered(self, aor: str | None = "sip:scott@sip.example") -> None:
        self.assertEqual(self.registrations.byUser, {"scott@chat.example": aor} if aor else {})

    def test_interface(self) -> None:
        """Presence tells it."""
        verifyObject(IPresenceListener, self.online)

    def test_comesAndGoes(self) -> None:
        """From the first client to the last a user is registered, under the address that the rules give him."""
        self.come(client())
        self.assertRegistered()
        self.come(client(), client("home"))
        self.presence.table = (client("home"),)
        self.online.unavailable(JID("scott@chat.example/iChat"))
        self.assertRegistered()
        self.presence.table = ()
        self.online.unavailable(SCOTT)
        self.assertRegistered(None)

    def test_strangers(self) -> None:
        """Users of other servers, who may not call, are not registered: they would name a host that may."""
        self.domains.clear()
        self.come(client())
        self.assertRegistered(None)

    def test_otherClients(self) -> None:
        """Clients that take no calls do not count."""
        self.come(client(node="http://pidgin.im/"))
        self.assertRegistered(None)
        self.come(client(), client("p", node="http://pidgin.im/"))
        self.assertRegistered()
        self.come(client("p", node="http://pidgin.im/"))
        self.assertRegistered(None)

    def test_subscription(self) -> None:
        """Only who is subscribed is registered; subscribing later is in time, and unsubscribing ends it."""
        self.store.remove(SCOTT, PHONE)
        self.come(client())
        self.assertRegistered(None)
        self.store.add(SCOTT, PHONE)
        self.online.changed(SCOTT)
        self.assertRegistered()
        self.store.remove(SCOTT, PHONE)
        self.online.changed(SCOTT)
        self.assertRegistered(None)

    def test_noAddress(self) -> None:
        """Whom no rule gives a SIP address with a user is not registered."""
        for output in ("", "xmpp:scott@other.example", "sip:sip.example"):
            self.output = output
            self.come(client())
            self.assertRegistered(None)

    def test_otherRules(self) -> None:
        """When the rules, or the domains that are served, have changed everybody is looked at again."""
        self.come(client())
        self.output = "sip:scott@other.example"
        self.online.reconsider()
        self.assertRegistered("sip:scott@other.example")
        self.domains.clear()
        self.online.reconsider()
        self.assertRegistered(None)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_otherRulesOfMany(self) -> None:
        """Many are not looked at in one go; another change, or the loss of the link, ends what is left of it."""
        self.presence.others = [JID(f"u{number}@chat.example") for number in range(2 * BATCH)]
        self.come(client())
        self.output = "sip:scott@other.example"
        for _ in range(2):
            self.online.reconsider()
            self.assertRegistered()
        self.clock.pump([BATCH_INTERVAL] * 2)
        self.assertRegistered("sip:scott@other.example")
        self.online.reconsider()
        self.online.connectionLost(Failure(OSError()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_undeliverable(self) -> None:
        """What could not be delivered says nothing of who is there."""
        self.come(client())
        self.online.failed(SCOTT, "item-not-found", 404)
        self.assertRegistered()

    def test_linkLost(self) -> None:
        """While the link is down users stay registered; those who do not show themselves afterwards do not."""
        self.come(client())
        self.presence.table = ()
        self.online.connectionLost(Failure(OSError()))
        self.assertRegistered()
        self.online.connectionInitialized()
        self.clock.advance(GRACE - 1)
        self.assertRegistered()
        self.clock.advance(2)
        self.assertRegistered(None)

    def test_linkBack(self) -> None:
        """Who shows himself in time stays; a link that breaks again puts the reckoning off."""
        self.come(client())
        self.online.connectionInitialized()
        self.clock.advance(GRACE - 1)
        self.online.connectionLost(Failure(OSError()))
        self.clock.advance(10)
        self.online.connectionInitialized()
        self.clock.advance(GRACE + 1)
        self.assertRegistered()
        self.assertEqual(self.clock.getDelayedCalls(), [])
