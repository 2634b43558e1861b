"""Tests for L{ichatgw.watchers}: the whole gateway, watched."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.settings import Settings
from ichatgw.gateway.build import gateway
from ichatgw.gateway.service import Gateway
from ichatgw.log.redaction import Content
from ichatgw.model import EndReason
from ichatgw.observe.events import LinkDown, Message, ReportReceived, kindsOf
from ichatgw.observe.hep.wire import PORT
from ichatgw.observe.records.fields import CSV, JSON
from ichatgw.observe.snapshots import CallSnapshot
from ichatgw.runtime.disk import DirectDisk
from ichatgw.runtime.turns import Turns
from ichatgw.test.gateway.test_build import SETTINGS
from ichatgw.test.marks import slow
from ichatgw.test.observe.records.appending import AppendingReactor
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

    def test_archive(self) -> None:
        """
        What is over is kept in the file that the settings name, for as many days as they say, which may change while
        the gateway runs, as may what of messages is not kept; without a name there is none.
        """
        reactor = MemoryReactorClock()
        watchers = watchersOf(reactor, SETTINGS)
        watchers.keep(Turns(reactor), SETTINGS, DirectDisk())
        self.assertIsNone(watchers.archive)
        self.change(watchers, evolve(SETTINGS, callHistoryDays=3))
        path = self.mktemp()
        settings = evolve(SETTINGS, callHistoryDatabase=path, callHistoryDays=3)
        watchers.keep(Turns(reactor), settings, DirectDisk())
        archive = watchers.archive
        assert archive is not None
        self.gateway.switch.reports = watchers.reports
        watchers.start()
        self.assertEqual((archive.path, archive.days), (os.path.abspath(path), 3))
        self.change(watchers, evolve(settings, callHistoryDays=5, logHides="texts"))
        self.assertEqual((archive.days, archive.hides), (5, Content.TEXTS))
        self.gateway.switch.arrived(leg := FakeLeg(), arrivalOf(leg, "sip:0815@nowhere", OFFER))
        watchers.stop()
        with closing(sqlite3.connect(path)) as database:
            [(words,)] = database.execute("SELECT words FROM past").fetchall()
        self.assertIn("sip:0815@nowhere", words)

    def recording(self, settings: Settings) -> Watchers:
        """Those of a gateway that has started."""
        self.reactor = AppendingReactor()
        watchers = watchersOf(self.reactor, settings)
        self.gateway.switch.reports = watchers.reports
        watchers.start()
        return watchers

    @slow
    def test_records(self) -> None:
        """Each attempt has a line in the file that the settings name, in their format."""
        for format in (JSON, CSV):
            path = self.mktemp()
            settings = evolve(SETTINGS, callRecords=path, callRecordsFormat=format)
            watchers = self.recording(settings)
            self.gateway.switch.arrived(leg := FakeLeg(), arrivalOf(leg, "sip:0815@nowhere", OFFER))
            self.reactor.work()
            lines = Path(path).read_text("utf-8").splitlines()
            self.assertEqual(len(lines), 1 if format == JSON else 2)
            self.assertIn("sip:0815@nowhere", lines[-1])
            watchers.stop()

    def test_capture(self) -> None:
        """Messages go to the server that the settings name, over the transport that they name."""
        reactor = MemoryReactorClock()
        settings = evolve(SETTINGS, hepServer=("192.0.2.60", 0, "tcp"))
        watchers = watchersOf(reactor, settings)
        self.assertFalse(any(watchers.events.isOn(kind) for kind in kindsOf(ReportReceived)))
        watchers.start()
        self.assertEqual(reactor.tcpClients[0][:2], ("192.0.2.60", PORT))
        self.assertTrue(watchers.events.isOn(ReportReceived))
        watchers.stop()

    def change(self, watchers: Watchers, settings: Settings) -> None:
        """Have other settings while the gateway runs."""
        for each in watchers.reloadables:
            each.prepare(settings)()

    def test_recordsChange(self) -> None:
        """Another file, and another format, hold for the calls that end from then on; and so does none."""
        paths = [str(Path(self.mktemp()).absolute()) for _ in range(2)]
        watchers = self.recording(SETTINGS)

        def call() -> list[int]:
            self.gateway.switch.arrived(leg := FakeLeg(), arrivalOf(leg, "sip:0815@nowhere", OFFER))
            for process in self.reactor.processes:
                process.work()
            return [len(Path(path).read_text("utf-8").splitlines()) if Path(path).exists() else 0 for path in paths]

        self.assertEqual(call(), [0, 0])
        self.change(watchers, evolve(SETTINGS, callRecords=paths[0]))
        self.assertEqual(call(), [1, 0])
        for _ in range(2):
            self.change(watchers, evolve(SETTINGS, callRecords=paths[1], callRecordsFormat=CSV))
        self.assertEqual(call(), [1, 2])
        self.change(watchers, SETTINGS)
        self.assertEqual(call(), [1, 2])
        self.assertEqual(len(self.reactor.processes), 1)
        watchers.stop()

    def test_recordsThatWait(self) -> None:
        """What could not be written goes to the file that the settings name then."""
        missing, path = str(Path(self.mktemp()).absolute() / "x"), str(Path(self.mktemp()).absolute())
        watchers = self.recording(evolve(SETTINGS, callRecords=missing))
        self.gateway.switch.arrived(leg := FakeLeg(), arrivalOf(leg, "sip:0815@nowhere", OFFER))
        self.reactor.work()
        self.change(watchers, evolve(SETTINGS, callRecords=path))
        self.reactor.work()
        watchers.stop()
        self.assertEqual(len(Path(path).read_text("utf-8").splitlines()), 1)

    def test_sameDirectory(self) -> None:
        """The name of a file means the same when it is read again, wherever the process stands then."""
        self.addCleanup(os.chdir, os.getcwd())
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        os.chdir(directory)
        watchers = watchersOf(MemoryReactorClock(), SETTINGS)
        os.chdir("/")
        self.change(watchers, evolve(SETTINGS, callRecords="calls"))
        assert watchers.recording.file is not None
        self.assertEqual(watchers.recording.file.path, str(directory / "calls"))

    def test_captureChanges(self) -> None:
        """Messages go to another server, or to none, from then on; and to the same one if the settings are the same."""
        reactor = MemoryReactorClock()
        one = evolve(SETTINGS, hepServer=("192.0.2.60", 0, "tcp"))
        other = evolve(SETTINGS, hepServer=("192.0.2.61", 9061, "tcp"), hepPassword="sesame", hepCaptureId=7)
        watchers = watchersOf(reactor, SETTINGS)
        self.change(watchers, one)
        self.assertEqual(reactor.tcpClients, [])  # it has not started
        watchers.start()
        self.change(watchers, one)
        self.change(watchers, other)
        self.assertEqual([each[:2] for each in reactor.tcpClients], [("192.0.2.60", PORT), ("192.0.2.61", 9061)])
        self.assertTrue(watchers.events.isOn(ReportReceived))
        self.change(watchers, SETTINGS)
        self.assertFalse(watchers.events.isOn(ReportReceived))
        self.change(watchers, one)
        self.assertTrue(watchers.events.isOn(ReportReceived))
        watchers.stop()
        self.change(watchers, other)
        self.assertEqual(len(reactor.tcpClients), 3)

    def test_quietKinds(self) -> None:
        """Of what no reader wants nothing is made."""
        self.assertTrue(all(self.watchers.events.isOn(kind) for kind in kindsOf(Message)))
        self.assertFalse(self.watchers.events.isOn(LinkDown))
