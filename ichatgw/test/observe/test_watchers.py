"""Tests for L{ichatgw.watchers}: the whole gateway, watched."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import EndReason
from ichatgw.observe.events import LinkDown, Message, ReportReceived, kindsOf
from ichatgw.observe.hep.wire import PORT
from ichatgw.observe.records.fields import CSV, JSON
from ichatgw.observe.snapshots import CallSnapshot
from ichatgw.runtime.disk import DirectDisk
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
        watchers = watchersOf(MemoryReactorClock(), evolve(SETTINGS, callHistory=2), DirectDisk())
        self.assertEqual(watchers.calls.most, 2)
        [reloadable] = [each for each in watchers.reloadables if each.attributes == ("callHistory",)]
        apply = reloadable.prepare(evolve(SETTINGS, callHistory=7))
        assert apply is not None
        apply()
        self.assertEqual(watchers.calls.most, 7)

    def test_records(self) -> None:
        """Each attempt has a line in the file that the settings name, in their format."""
        for format in (JSON, CSV):
            path = self.mktemp()
            settings = evolve(SETTINGS, callRecords=path, callRecordsFormat=format)
            watchers = watchersOf(MemoryReactorClock(), settings, DirectDisk())
            self.gateway.switch.reports = watchers.reports
            self.gateway.switch.arrived(leg := FakeLeg(), arrivalOf(leg, "sip:0815@nowhere", OFFER))
            lines = Path(path).read_text("utf-8").splitlines()
            self.assertEqual(len(lines), 1 if format == JSON else 2)
            self.assertIn("sip:0815@nowhere", lines[-1])
            watchers.stop()

    def test_capture(self) -> None:
        """Messages go to the server that the settings name, over the transport that they name."""
        reactor = MemoryReactorClock()
        settings = evolve(SETTINGS, hepServer=("192.0.2.60", 0, "tcp"))
        watchers = watchersOf(reactor, settings, DirectDisk())
        self.assertFalse(any(watchers.events.isOn(kind) for kind in kindsOf(ReportReceived)))
        watchers.start()
        self.assertEqual(reactor.tcpClients[0][:2], ("192.0.2.60", PORT))
        self.assertTrue(watchers.events.isOn(ReportReceived))
        watchers.stop()

    def test_quietKinds(self) -> None:
        """Of what no reader wants nothing is made."""
        self.assertTrue(all(self.watchers.events.isOn(kind) for kind in kindsOf(Message)))
        self.assertFalse(self.watchers.events.isOn(LinkDown))
