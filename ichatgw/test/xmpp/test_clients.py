# -*- test-case-name: ichatgw.test.xmpp.test_clients -*-
"""
Tests for L{ichatgw.xmpp.clients}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.runtime.turns import SWEEP_INTERVAL, SWEEP_ITEMS, SWEEP_SECONDS, Turns
from ichatgw.test.runtime.test_turns import ABOVE, WorkingClock
from ichatgw.xmpp import clients as module
from ichatgw.xmpp.clients import MAX_RESOURCES, Clients, Leftover, Resource
from ichatgw.xmpp.stanzas import parseJID


def client(address: str, show: str = "") -> Resource:
    return Resource(parseJID(address), show, 0, "", "", frozenset())


class ClientsTests(SynchronousTestCase):
    """L{Clients}; strangers are all but those of C{ours.test}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clients = Clients(Turns(self.clock), lambda user: user.host != "ours.test")

    def put(self, address: str) -> bool:
        return self.clients.put(client(address))[0]

    def test_comesAndGoes(self) -> None:
        """A client is known from its first word to its last, and with the last one its user."""
        user = parseJID("ann@ours.test")
        self.assertEqual(self.clients.put(client("ann@ours.test/a")), (True, None))
        self.assertEqual(self.clients.put(client("ann@ours.test/a", "away")), (True, client("ann@ours.test/a")))
        self.assertTrue(self.put("ann@ours.test/b"))
        self.assertEqual([one.show for one in self.clients.of(user)], ["away", ""])
        self.clients.remove(parseJID("ann@ours.test/a"))
        self.clients.remove(parseJID("ann@ours.test/a"))
        self.assertEqual(self.clients.users, (user,))
        self.clients.remove(parseJID("ann@ours.test/b"))
        self.assertEqual((self.clients.users, list(self.clients.of(user))), ((), []))
        for name in "ab":
            self.put(f"ann@ours.test/{name}")
        self.clients.remove(user)
        self.assertEqual(self.clients.users, ())

    def test_oneUser(self) -> None:
        """One user has room for so many clients; those that are there can still speak."""
        self.assertEqual(sum(self.put(f"ann@ours.test/{number}") for number in range(100)), MAX_RESOURCES)
        self.assertTrue(self.put("ann@ours.test/0"))

    def test_strangers(self) -> None:
        """Strangers are bounded by domain and in all, and take no place of users; who goes makes room."""
        self.patch(module, "MAX_STRANGERS", 5)
        self.patch(module, "MAX_STRANGERS_OF_DOMAIN", 3)
        self.assertEqual(sum(self.put(f"e{number}@evil.test/x") for number in range(10)), 3)
        self.assertEqual(sum(self.put(f"e@d{number}.test/x") for number in range(10)), 2)
        self.assertTrue(all(self.put(f"u{number}@ours.test/x") for number in range(100)))
        self.clients.remove(parseJID("e@d0.test/x"))
        self.assertEqual((self.put("f@evil.test/x"), self.put("f@other.test/x")), (False, True))
        self.clients.remove(parseJID("e0@evil.test"))
        self.assertTrue(self.put("f@evil.test/x"))

    def test_users(self) -> None:
        """There is an end to users, too."""
        self.patch(module, "MAX_USERS", 5)
        self.put("eve@evil.test/x")
        self.assertEqual(sum(self.put(f"u{number}@ours.test/x") for number in range(10)), 5)

    def test_clear(self) -> None:
        """All are forgotten at once, and may come anew."""
        for number in range(3 * SWEEP_ITEMS):
            self.put(f"u{number}@ours.test/x")
        self.put("eve@evil.test/x")
        self.clients.clear()
        self.assertEqual(self.clients.users, ())
        self.assertTrue(self.put("u1@ours.test/x"))
        self.clock.pump([SWEEP_INTERVAL] * 5)
        self.assertEqual(self.clients.users, (JID("u1@ours.test"),))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SlowTable(dict[int, int]):
    """Takes time for each entry that goes."""

    clock: WorkingClock

    def popitem(self) -> tuple[int, int]:
        self.clock.work(SWEEP_SECONDS / 4 * ABOVE)
        return super().popitem()


class LeftoverTests(SynchronousTestCase):
    """L{Leftover}, on a clock by which work takes time."""

    def test_parts(self) -> None:
        """A turn ends at its milliseconds, and one that is added later waits for those before."""
        clock = WorkingClock()
        leftover = Leftover(Turns(clock))
        tables = [SlowTable((number, number) for number in range(6)) for _ in range(2)]
        for table in tables:
            table.clock = clock
            leftover.add(table, {})
        self.assertEqual([len(table) for table in tables], [2, 6])
        clock.advance(SWEEP_INTERVAL)
        self.assertEqual((len(leftover), len(tables[1])), (4, 4))
        for _ in range(3):
            clock.advance(SWEEP_INTERVAL)
        self.assertEqual((len(leftover), clock.getDelayedCalls()), (0, []))
