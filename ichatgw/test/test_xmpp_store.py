"""
Tests for L{ichatgw.xmpp.store}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.xmpp.stanzas import parseJID
from ichatgw.xmpp.store import ISubscriptionStore, MemoryStore

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
        """There is room for so many pairs of one user, and so many of all; what goes makes room."""
        store = MemoryStore(maxPerUser=2, maxPairs=3)
        self.assertEqual([store.add(ANN, phone) for phone in (P1, P2, P3, P1)], [True, True, False, True])
        self.assertEqual([store.add(BOB, phone) for phone in (P1, P2)], [True, False])
        self.assertFalse(store.add(parseJID("eve@a"), P1))
        self.assertFalse(store.knows(parseJID("eve@a")))
        store.remove(ANN, P1)
        self.assertTrue(store.add(BOB, P2))
