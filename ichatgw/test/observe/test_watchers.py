"""Tests for L{ichatgw.watchers}: the whole gateway, watched."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import EndReason
from ichatgw.observe.events import LinkDown, Message, kindsOf
from ichatgw.observe.snapshots import CallSnapshot
from ichatgw.tap import Gateway, gateway
from ichatgw.test.gateway.test_tap import SETTINGS
from ichatgw.test.support.fakes import OFFER, FakeLeg, arrivalOf
from ichatgw.watchers import Watchers, watchersOf


class WatcherTests(SynchronousTestCase):
    """What the settings say of what is kept of calls."""

    def setUp(self) -> None:
        self.gateway: Gateway = gateway(MemoryReactorClock(), SETTINGS)
        assert self.gateway.watchers is not None
        self.watchers: Watchers = self.gateway.watchers
        self.gateway.switch.startService()

    def past(self) -> list[CallSnapshot]:
        return list(self.watchers.calls.past)

    def test_calls(self) -> None:
        """Calls of the gateway's switch are seen, those too for which there is no rule."""
        leg = FakeLeg()
        self.gateway.switch.arrived(leg, arrivalOf(leg, "sip:0815@nowhere", OFFER))
        [call] = self.past()
        self.assertEqual((call.called, call.legs[0].id), ("sip:0815@nowhere", leg.id))
        assert call.ending is not None
        self.assertIs(call.ending.reason, EndReason.NOT_FOUND)

    def test_history(self) -> None:
        """As many calls are kept as the setting says, which may change while the gateway runs."""
        watchers = watchersOf(MemoryReactorClock(), evolve(SETTINGS, callHistory=2))
        self.assertEqual(watchers.calls.most, 2)
        [reloadable] = [each for each in watchers.reloadables if each.attributes == ("callHistory",)]
        apply = reloadable.prepare(evolve(SETTINGS, callHistory=7))
        assert apply is not None
        apply()
        self.assertEqual(watchers.calls.most, 7)

    def test_quietKinds(self) -> None:
        """Of what no reader wants nothing is made."""
        self.assertTrue(all(self.watchers.events.isOn(kind) for kind in kindsOf(Message)))
        self.assertFalse(self.watchers.events.isOn(LinkDown))
