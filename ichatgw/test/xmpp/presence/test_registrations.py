# -*- test-case-name: ichatgw.test.xmpp.presence.test_registrations -*-
"""
Tests for L{ichatgw.xmpp.presence.registrations}.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from zope.interface.verify import verifyObject

from ichatgw.errors import NoRoute
from ichatgw.runtime.turns import SWEEP_INTERVAL, SWEEP_ITEMS, Turns
from ichatgw.xmpp.presence.presence import IPresenceListener, Presence, Resource
from ichatgw.xmpp.presence.registrations import GRACE, PresenceRegistrations
from ichatgw.xmpp.presence.store import MemoryStore

SCOTT = JID("scott@chat.example")
PHONE = JID("72@gw.example")


def client(resource: str = "iChat", node: str = "apple:ichat:caps") -> Resource:
    return Resource(JID(f"scott@chat.example/{resource}"), "", 0, node, "1", frozenset())


class FakeRegistrations:
    """Remembers who is registered where."""

    def __init__(self) -> None:
        self.byUser: dict[str, str] = {}
        self.removed: list[str] = []

    def add(self, user: str, aor: str) -> None:
        self.byUser[user] = aor

    def remove(self, user: str) -> None:
        if self.byUser.pop(user, None) is not None:
            self.removed.append(user)


class FakePresence:
    """The table of clients."""

    def __init__(self) -> None:
        self.table: tuple[Resource, ...] = ()

        self.others: list[JID] = []
        self.greeting = False

    @property
    def users(self) -> tuple[JID, ...]:
        return (*self.others, SCOTT) if self.table else tuple(self.others)

    def resources(self, bare: JID) -> tuple[Resource, ...]:
        return self.table if bare == SCOTT else ()


class OnlineTests(SynchronousTestCase):
    """L{PresenceRegistrations}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.presence = FakePresence()
        self.store = MemoryStore()
        self.store.add(SCOTT, PHONE)
        self.registrations = FakeRegistrations()
        self.output = "sip:scott@sip.example"
        self.domains = {"chat.example"}
        self.online = PresenceRegistrations(
            Turns(self.clock),
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
        """From the first client to the last a user is registered, under the address that the rules give."""
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
        self.presence.others = [JID(f"u{number}@chat.example") for number in range(2 * SWEEP_ITEMS)]
        self.come(client())
        self.output = "sip:scott@other.example"
        for _ in range(2):
            self.online.reconsider()
            self.assertRegistered()
        self.clock.pump([SWEEP_INTERVAL] * 2)
        self.assertRegistered("sip:scott@other.example")
        self.online.reconsider()
        self.online.connectionLost(Failure(OSError()))
        self.clock.advance(0)
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
        """Those who show themselves in time stay."""
        self.come(client())
        self.lose()
        self.online.connectionInitialized()
        self.clock.advance(GRACE - 1)
        self.come(client())
        self.clock.advance(GRACE + 1)
        self.assertRegistered()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def lose(self) -> None:
        """The link is lost, and with it the table."""
        self.presence.table = ()
        self.online.connectionLost(Failure(OSError()))

    def test_otherClientFirst(self) -> None:
        """A client that takes no calls may be seen first when the link is back: nobody is taken off for that."""
        self.come(client(), client("p", node="http://pidgin.im/"))
        self.registrations.removed.clear()
        self.lose()
        self.online.connectionInitialized()
        self.come(client("p", node="http://pidgin.im/"))
        self.assertRegistered()
        self.come(client(), client("p", node="http://pidgin.im/"))
        self.clock.advance(GRACE + 1)
        self.assertRegistered()
        self.assertEqual(self.registrations.removed, [])

    def test_otherClientOnly(self) -> None:
        """If it is the only one that is seen in time, the user is taken off."""
        self.come(client())
        self.lose()
        self.online.connectionInitialized()
        self.come(client("p", node="http://pidgin.im/"))
        self.clock.advance(GRACE + 1)
        self.assertRegistered(None)

    def test_saidToBeOffline(self) -> None:
        """Users whose server says that they are offline are taken off at once when the link is back."""
        self.come(client())
        self.lose()
        self.online.connectionInitialized()
        self.online.unavailable(JID("scott@chat.example/p"))
        self.assertRegistered()
        self.online.unavailable(SCOTT)
        self.assertRegistered(None)

    def test_goesAfterwards(self) -> None:
        """Who has shown himself since, and goes, is taken off at once."""
        self.come(client())
        self.lose()
        self.online.connectionInitialized()
        self.come(client())
        self.presence.table = ()
        self.online.unavailable(client().jid)
        self.assertRegistered(None)

    def test_mayNotWhileDown(self) -> None:
        """Who may be registered no more is taken off, be the link up or down."""
        self.come(client())
        self.lose()
        self.domains.clear()
        self.online.reconsider()
        self.assertRegistered(None)

    def test_flappingLink(self) -> None:
        """A link that is lost again before all have had their time takes nobody off, however often that happens."""
        self.come(client())
        for _ in range(5):
            self.lose()
            self.clock.advance(3)
            self.online.connectionInitialized()
            self.clock.advance(GRACE - 1)
            self.assertRegistered()
        self.lose()
        self.clock.advance(10 * GRACE)
        self.assertRegistered()

    def test_lostWhileTakingOff(self) -> None:
        """Nor does a link that is lost while those are being taken off who did not show themselves."""
        for number in range(2 * SWEEP_ITEMS):
            user = JID(f"u{number}@chat.example")
            self.store.add(user, PHONE)
            self.online._registered[user] = None
            self.registrations.byUser[user.full()] = "sip:x@sip.example"
        self.lose()
        self.online.connectionInitialized()
        self.clock.advance(GRACE)
        self.assertEqual(len(self.registrations.byUser), SWEEP_ITEMS)
        self.lose()
        self.clock.advance(10 * GRACE)
        self.assertEqual(len(self.registrations.byUser), SWEEP_ITEMS)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_manyToAsk(self) -> None:
        """Users have their time from when the last server has been asked."""
        self.come(client())
        self.lose()
        self.presence.greeting = True
        self.online.connectionInitialized()
        self.clock.pump([GRACE] * 3)
        self.assertRegistered()
        self.presence.greeting = False
        self.clock.advance(GRACE)
        self.assertRegistered(None)
