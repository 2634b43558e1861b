# -*- test-case-name: ichatgw.test.xmpp.presence.test_staying -*-
"""
Tests for L{ichatgw.xmpp.presence.staying}, and for who is registered by it.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.runtime.turns import SWEEP_INTERVAL, SWEEP_ITEMS, Turns
from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.register.client import Answer
from ichatgw.sip.register.schedule import Registrations
from ichatgw.test.marks import slow
from ichatgw.test.runtime.test_turns import WorkingClock
from ichatgw.test.xmpp.presence.test_registrations import PHONE, SCOTT, FakePresence, FakeRegistrations, client
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.presence.registrations import GRACE, PresenceRegistrations
from ichatgw.xmpp.presence.staying import Staying, Who
from ichatgw.xmpp.presence.store import MemoryStore

ANNA = JID("anna@chat.example")
GUEST = JID("guest@other.example")


class StayingCase(SynchronousTestCase):
    """Scott has subscribed, Anna is in the phone book."""

    who = Who.ONLINE

    def setUp(self) -> None:
        self.clock = Clock()
        self.presence = FakePresence()
        self.store = MemoryStore()
        self.store.add(SCOTT, PHONE)
        self.listed = ["anna@chat.example", "@", "guest@other.example"]
        self.registrations = FakeRegistrations()
        self.online = PresenceRegistrations(
            Turns(self.clock),
            cast(Presence, self.presence),
            self.store,
            lambda address: f"sip:{address.removeprefix('xmpp:').partition('@')[0]}@sip.example",
            self.registrations,
            lambda resource: resource.isIChat,
            lambda user: user.host == "chat.example",
        )
        self.online.staying = Staying(self.store, lambda user: user in self.listed, lambda: self.listed, self.who)

    def assertRegistered(self, *users: JID) -> None:
        self.assertEqual(sorted(self.registrations.byUser), sorted(user.full() for user in users))


class OnlineTests(StayingCase):
    """Only those who are online, as it is if nothing is set."""

    def test_start(self) -> None:
        """At the start nobody is registered."""
        self.online.connectionInitialized()
        self.assertRegistered()

    def test_change(self) -> None:
        """Another setting holds at once, both ways."""
        self.online.connectionInitialized()
        for who, users in ((Who.LISTED, (SCOTT, ANNA)), (Who.SUBSCRIBED, (SCOTT,)), (Who.ONLINE, ())):
            self.online.staying.who = who
            self.online.reconsider()
            self.assertRegistered(*users)


class SubscribedTests(StayingCase):
    """All who have subscribed."""

    who = Who.SUBSCRIBED

    def test_start(self) -> None:
        """They are registered when the link is up, and stay while it is down or nobody shows themselves."""
        self.online.connectionInitialized()
        self.assertRegistered(SCOTT)
        self.clock.advance(GRACE)
        self.assertRegistered(SCOTT)
        self.online.connectionLost(Failure(OSError()))
        self.assertRegistered(SCOTT)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_comesAndGoes(self) -> None:
        """Clients that come and go change nothing."""
        self.presence.table = (client(),)
        self.online.available(client())
        self.presence.table = ()
        self.online.unavailable(SCOTT)
        self.assertRegistered(SCOTT)
        self.assertEqual(self.registrations.removed, [])

    def test_subscription(self) -> None:
        """Who subscribes is registered at once, and who unsubscribes no more; guests never are."""
        self.store.add(ANNA, PHONE)
        self.store.add(GUEST, PHONE)
        for user in (ANNA, GUEST):
            self.online.changed(user)
        self.store.remove(SCOTT, PHONE)
        self.online.changed(SCOTT)
        self.assertRegistered(ANNA)

    def test_many(self) -> None:
        """Many are not looked at in one go; a link that is lost meanwhile has it begin anew when it is back."""
        for number in range(2 * SWEEP_ITEMS):
            self.store.add(JID(f"u{number}@chat.example"), PHONE)
        self.online.connectionInitialized()
        self.assertEqual(len(self.registrations.byUser), SWEEP_ITEMS)
        self.online.connectionLost(Failure(OSError()))
        self.clock.advance(1)
        self.assertEqual(len(self.registrations.byUser), SWEEP_ITEMS)
        self.online.connectionInitialized()
        self.clock.pump([SWEEP_INTERVAL] * 3)
        self.assertEqual(len(self.registrations.byUser), 2 * SWEEP_ITEMS + 1)


class ListedTests(StayingCase):
    """Also those whom the phone book has."""

    who = Who.LISTED

    def test_start(self) -> None:
        """Both are registered; what is no address, and who may not call, is not."""
        self.online.connectionInitialized()
        self.assertRegistered(SCOTT, ANNA)

    def test_otherBook(self) -> None:
        """When the book has changed everybody is looked at again."""
        self.online.connectionInitialized()
        self.listed = ["bob@chat.example"]
        self.online.reconsider()
        self.assertRegistered(SCOTT, JID("bob@chat.example"))


class CrowdTests(SynchronousTestCase):
    """Thousands of users at the start."""

    @slow
    def test_turns(self) -> None:
        """Each turn is short, and REGISTERs are sent at the rate that is set, whatever the number of users."""
        clock = WorkingClock()
        turns = Turns(clock)
        store = MemoryStore()
        users = 3000
        for number in range(users):
            store.add(JID(f"u{number}@chat.example"), PHONE)
        sent: list[float] = []
        registrations = Registrations(turns, _Registrar(clock, sent), 3600, 120, perSecond=50)
        longest = [0.0]
        turns.watch = lambda took, what: longest.append(took)

        def translate(address: str) -> str:
            clock.rightNow += 0.0001  # as a rule among thousands
            return f"sip:{address.removeprefix('xmpp:').partition('@')[0]}@sip.example"

        online = PresenceRegistrations(
            turns,
            cast(Presence, FakePresence()),
            store,
            translate,
            registrations,
            lambda resource: True,
            lambda user: True,
        )
        online.staying = Staying(store, who=Who.SUBSCRIBED)
        online.connectionInitialized()
        first = clock.seconds()
        self.assertTrue(0 < first < 0.005, first)
        for _ in range(300):
            clock.advance(0.02)
        self.assertEqual(len(registrations.users), users)
        self.assertTrue(max(longest) < 0.005, max(longest))
        for begin, later in zip(sent, sent[51:], strict=False):
            self.assertTrue(later - begin >= 0.99, later - begin)


class _Registrar:
    """Takes every REGISTER."""

    def __init__(self, clock: Clock, sent: list[float]) -> None:
        self._clock, self._sent = clock, sent

    def register(self, binding: Binding, seconds: int) -> Deferred[Answer]:
        self._sent.append(self._clock.seconds())
        return succeed(Answer(seconds))
