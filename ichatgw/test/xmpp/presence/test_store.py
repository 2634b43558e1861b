"""
Tests for L{ichatgw.xmpp.presence.store}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.xmpp.presence.store import ISubscriptionStore, MemoryStore
from ichatgw.xmpp.stanzas import parseJID

ANN, BOB = parseJID("ann@a"), parseJID("bob@a")
P1, P2, P3 = (parseJID(f"{n}@gw.test") for n in (1, 2, 3))


class MemoryStoreTests(SynchronousTestCase):
    def test_interface(self) -> None:
        """It is a subscription store."""
        verifyObject(ISubscriptionStore, MemoryStore())

    def test_pairs(self) -> None:
        """Pairs are kept once each, in the order they came."""
        store = MemoryStore()
        self.assertTrue(all(store.add(*pair) for pair in ((ANN, P2), (ANN, P1), (BOB, P1), (ANN, P2))))
        self.assertEqual(store.users(), (ANN, BOB))
        self.assertEqual(store.gatewayJIDs(ANN), (P2, P1))
        self.assertEqual(store.gatewayJIDs(parseJID("eve@a")), ())

    def test_remove(self) -> None:
        """A user whose last pair goes is forgotten; removing what is not there changes nothing."""
        store = MemoryStore()
        store.add(ANN, P1)
        store.remove(ANN, P2)
        store.remove(BOB, P1)
        self.assertTrue(store.knows(ANN))
        store.remove(ANN, P1)
        self.assertFalse(store.knows(ANN))
        self.assertEqual(store.users(), ())

    def test_written(self) -> None:
        """Memory has nothing to wait for."""
        store = MemoryStore()
        store.add(ANN, P1)
        self.successResultOf(store.written())

    def test_bounded(self) -> None:
        """There is room for so many pairs of one user; what goes makes room."""
        store = MemoryStore(maxPerUser=2)
        self.assertEqual([store.add(ANN, phone) for phone in (P1, P2, P3, P1)], [True, True, False, True])
        self.assertTrue(store.remove(ANN, P1))
        self.assertFalse(store.remove(ANN, P1))
        self.assertTrue(store.add(ANN, P3))

    def test_usersCount(self) -> None:
        """There is room for so many users, of one domain and of all; how many pairs each has does not matter."""
        store = MemoryStore(maxUsers=3, maxUsersPerDomain=2)
        first, second, third, other, last = map(parseJID, ("1@a", "2@a", "3@a", "1@b", "1@c"))
        self.assertEqual([store.add(first, phone) for phone in (P1, P2, P3)], [True] * 3)
        self.assertEqual([store.add(user, P1) for user in (second, third, other, last)], [True, False, True, False])
        self.assertFalse(store.knows(third) or store.knows(last))
        for phone in (P1, P2):
            store.remove(first, phone)
        self.assertFalse(store.add(last, P1))
        store.remove(first, P3)
        self.assertEqual([store.add(user, P1) for user in (third, last)], [True, False])
        store.remove(other, P1)
        self.assertTrue(store.add(last, P1))

    def test_furtherPairs(self) -> None:
        """What users have beyond their first pair is bounded for each domain and for all, and keeps no user out."""
        store = MemoryStore(maxFurther=3, maxFurtherPerDomain=2)
        first, second, other, last = map(parseJID, ("1@a", "2@a", "1@b", "1@c"))
        self.assertEqual([store.add(first, phone) for phone in (P1, P2, P3)], [True] * 3)
        self.assertEqual([store.add(second, phone) for phone in (P1, P2)], [True, False])
        self.assertEqual([store.add(other, phone) for phone in (P1, P2, P3)], [True, True, False])
        self.assertEqual([store.add(last, phone) for phone in (P1, P2)], [True, False])
        store.remove(first, P1)
        self.assertTrue(store.add(last, P2))

    def test_defaults(self) -> None:
        """250 users with 200 pairs each leave room for all others of their domain."""
        store = MemoryStore()
        phones = [parseJID(f"{number}@gw.test") for number in range(200)]
        for number in range(250):
            self.assertTrue(all(store.add(parseJID(f"{number}@a"), phone) for phone in phones))
        self.assertTrue(all(store.add(parseJID(f"u{number}@a"), P1) for number in range(1000)))
