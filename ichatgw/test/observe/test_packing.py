"""
Tests for L{ichatgw.observe.packing}, and for what is known of packed calls.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.observe import registry
from ichatgw.observe.events import MediaStats
from ichatgw.observe.knowncall import MAX_STATS
from ichatgw.observe.packing import AFTER, INTERVAL, Packing
from ichatgw.runtime.turns import Turns
from ichatgw.test.support.events import PHONE, Scene, sip

SOON = AFTER + 2 * INTERVAL


class PackingTests(SynchronousTestCase):
    """Calls that are over, some seconds later."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.calls, _ = self.scene.follow(100)
        self.turns = Turns(self.scene.clock)
        self.packing = Packing(self.turns, self.calls)
        self.packing.start()

    def whole(self, call: str = "c-1") -> None:
        """A call from beginning to end, with one long message."""
        self.scene.arrives(call, callId=f"{call}@phone")
        self.scene.says(sip("INFO sip:gw SIP/2.0", f"{call}@phone", "X-Long: " + 3000 * "x"))
        self.scene.publish(MediaStats, call, "caller", 7, 80, 0, None, None, None, (), PHONE)
        self.scene.publish(MediaStats, call, "caller", 9, 90, 0, None, None, None, (), PHONE, True)
        self.scene.ends(call)

    def known(self, call: str = "c-1") -> tuple[object, object]:
        return self.calls.find(call), self.calls.ladder(call)

    def isPacked(self, call: str = "c-1") -> bool:
        return bool(self.calls._past[call].packed) and not self.calls._past[call].ladder

    def pass_(self, seconds: float) -> None:
        """Time passes in small steps, as it does."""
        self.scene.clock.pump([0.1] * round(10 * seconds))

    def test_theSame(self) -> None:
        """A packed call is told as it was before: its figures over time, its ladder, and what it is found by."""
        self.whole()
        before, listed = self.known(), [call.words for call in self.calls.past]
        self.pass_(AFTER - 1)
        self.assertFalse(self.isPacked())
        self.pass_(SOON)
        self.assertTrue(self.isPacked())
        self.assertEqual(self.known(), before)
        [call] = self.calls.past
        self.assertEqual([call.words], listed)
        assert call.media["caller"].stats is not None
        self.assertEqual(call.media["caller"].stats.packets, 9)

    def test_laterName(self) -> None:
        """Who has asked for a call before it was packed is told the same after, also when it is forgotten."""
        self.whole()
        later, before = self.calls.later("c-1"), self.known()
        self.pass_(SOON)
        self.calls.most = 0
        self.whole("c-2")
        self.assertIsNone(self.calls.find("c-1"))
        self.assertEqual(later(), before)

    def test_live(self) -> None:
        """A call that lives is not packed, however old it is."""
        self.scene.arrives()
        self.pass_(100)
        self.assertEqual(self.calls._live["c-1"].packed, [])

    def test_late(self) -> None:
        """What comes after a call was packed is there with the rest, in order, and is packed in its turn."""
        self.whole()
        self.pass_(SOON)
        for word in ("one", "two"):
            self.scene.says(sip(f"BYE sip:{word} SIP/2.0", "c-1@phone"))
        entries = len(self.calls.ladder("c-1"))
        self.assertFalse(self.isPacked())
        self.pass_(SOON)
        self.assertTrue(self.isPacked())
        self.assertEqual(len(self.calls.ladder("c-1")), entries)
        texts = [getattr(rung.event, "text", "")[:11] for rung in self.calls.ladder("c-1")[-2:]]
        self.assertEqual(texts, ["BYE sip:one", "BYE sip:two"])

    def test_lateIsBounded(self) -> None:
        """A ladder has its limit, packed or not."""
        self.patch(registry, "MAX_RUNGS", 10)
        self.whole()
        self.pass_(SOON)
        for _ in range(20):
            self.scene.says(sip("BYE sip:gw SIP/2.0", "c-1@phone"))
        self.assertEqual(len(self.calls.ladder("c-1")), 10)

    def test_octets(self) -> None:
        """What is counted is what packed calls take: more of them are remembered, and none is counted for ever."""
        self.patch(registry, "HISTORY_OCTETS", 60_000)
        for number in range(12):
            self.whole(f"c-{number}")
            self.pass_(SOON)
        self.assertEqual(len(list(self.calls.past)), 12)
        self.assertLess(self.calls._octets, 60_000)
        self.calls.most = 0
        self.whole("last")
        self.assertEqual(self.calls._octets, 0)

    def test_figuresAreCounted(self) -> None:
        """The figures of an hour are packed, and count as octets."""
        self.scene.arrives()
        for number in range(MAX_STATS + 5):
            self.scene.publish(MediaStats, "c-1", "caller", number, 9**9 + number**5, 0, None, None, None, (), PHONE)
        self.scene.ends()
        before, octets = self.known(), self.calls._octets
        self.pass_(SOON)
        self.assertEqual(self.known(), before)
        call = self.calls._past["c-1"]
        self.assertEqual(len(call.media["caller"].stats), 1)
        self.assertEqual(call.held, self.calls._octets)
        self.assertGreater(call.held, len(call.media["caller"].packed))
        self.assertNotEqual(octets, self.calls._octets)

    def test_underLoad(self) -> None:
        """While other work waits nothing is packed; afterwards it is."""
        self.whole()
        line = self.turns.line("work")
        line.holds = lambda: True
        line.later(lambda: None)
        self.pass_(SOON)
        self.assertGreater(self.turns.lag, 0)
        self.assertFalse(self.isPacked())
        line.end()
        self.pass_(1)
        self.assertTrue(self.isPacked())

    def test_bounded(self) -> None:
        """No more calls wait to be packed than are kept; when all are packed no timer is left."""
        self.calls.most = 3
        for number in range(10):
            self.whole(f"c-{number}")
        self.assertEqual(len(self.packing._waiting), 3)
        self.pass_(SOON)
        self.assertTrue(all(self.isPacked(call.id) for call in self.calls.past))
        self.assertEqual(self.scene.clock.getDelayedCalls(), [])

    def test_stopped(self) -> None:
        """When it is stopped nothing is left of it; calls are kept as they are."""
        self.whole()
        self.packing.stop()
        self.whole("c-2")
        self.pass_(SOON)
        self.assertEqual((self.isPacked(), self.isPacked("c-2")), (False, False))
        self.assertEqual(self.scene.clock.getDelayedCalls(), [])
