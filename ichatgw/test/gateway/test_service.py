# -*- test-case-name: ichatgw.test.gateway.test_service -*-
"""
How the parts are started and stopped.
"""

from __future__ import annotations

import gc
import resource
from typing import cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.switch import Switch
from ichatgw.errors import ConfigError
from ichatgw.gateway.service import Gateway
from ichatgw.media.engine import MediaEngine
from ichatgw.runtime.disk import DirectDisk
from ichatgw.runtime.turns import Turns
from ichatgw.sip.endpoint import Endpoint
from ichatgw.sip.register.schedule import Registrations
from ichatgw.users.preferences import Preferences
from ichatgw.users.sqlite import SQLitePreferences
from ichatgw.xmpp.link.component import Link
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.presence.sqlitestore import SQLiteStore


class Part(Service):
    """A service that says what it does; it stops when C{stopped} fires."""

    def __init__(self, name: str, journal: list[str], problem: Exception | None = None) -> None:
        self.name = name
        self._journal = journal
        self._problem = problem
        self.stopped: Deferred[None] = Deferred()

    def startService(self) -> None:
        if self._problem is not None:
            raise self._problem
        self._journal.append(f"{self.name} starts")
        Service.startService(self)

    def stopService(self) -> Deferred[None]:
        self._journal.append(f"{self.name} stops")
        Service.stopService(self)
        return self.stopped


class Rest:
    """Presence and media, as far as they matter here."""

    pairs = 1000
    live = 0

    def drain(self) -> None:
        """No packets come."""

    def __init__(self, journal: list[str]) -> None:
        self._journal = journal

    def goodbye(self) -> None:
        self._journal.append("goodbye")

    def stop(self) -> None:
        self._journal.append("media stops")


class Registered:
    """The registrations."""

    def __init__(self, journal: list[str]) -> None:
        self._journal = journal

    def stop(self) -> Deferred[None]:
        self._journal.append("registrations stop")
        return succeed(None)


class Kept(Part):
    """The subscriptions."""

    def flush(self) -> None:
        self._journal.append("subscriptions are written")


class GatewayTests(SynchronousTestCase):
    """The order of things."""

    def make(self, problem: Exception | None = None) -> None:
        self.journal: list[str] = []
        self.parts = {
            name: Part(name, self.journal, problem if name == "sip" else None) for name in ("switch", "sip", "xmpp")
        }
        rest = Rest(self.journal)
        self.gateway = Gateway(
            cast(Switch, self.parts["switch"]),
            cast(Endpoint, self.parts["sip"]),
            cast(Link, self.parts["xmpp"]),
            cast(Presence, rest),
            cast(MediaEngine, rest),
            cast(Registrations, Registered(self.journal)),
            Turns(Clock()),
        )
        self.addCleanup(gc.unfreeze)
        self.addCleanup(gc.enable)

    def test_stop(self) -> None:
        """First the calls and registrations end, then our presence goes, then the links, and at last the media."""
        self.make()
        self.gateway.startService()
        self.assertEqual(self.journal, ["sip starts", "xmpp starts", "switch starts"])
        del self.journal[:]
        stopped = self.gateway.stopService()
        self.assertEqual(self.journal, ["switch stops", "registrations stop"])
        del self.journal[:]
        self.parts["switch"].stopped.callback(None)
        self.assertEqual(self.journal, ["goodbye", "sip stops", "xmpp stops"])
        self.parts["sip"].stopped.callback(None)
        self.assertNoResult(stopped)
        self.parts["xmpp"].stopped.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.journal[-1], "media stops")

    def test_stopWithSubscriptions(self) -> None:
        """New subscriptions are acknowledged before our presence goes; the file is closed when no more can come."""
        self.make()
        kept = Kept("store", self.journal)
        self.gateway._store = cast(SQLiteStore, kept)
        self.gateway.stopService()
        self.parts["switch"].stopped.callback(None)
        self.assertEqual(self.journal[2:], ["subscriptions are written", "goodbye", "sip stops", "xmpp stops"])
        for name in ("sip", "xmpp"):
            self.parts[name].stopped.callback(None)
        self.assertEqual(self.journal[-2:], ["media stops", "store stops"])

    def test_preferences(self) -> None:
        """What users choose is read at the start and written at the stop, after the last who could choose has gone."""
        self.make()
        path = f"{self.mktemp()}.sqlite"
        self.gateway.preferences = SQLitePreferences(Clock(), path, DirectDisk())
        self.gateway.startService()
        self.assertTrue(self.gateway.preferences.set("scott@chat.example", Preferences(doNotDisturb=True)))
        self.gateway.stopService()
        for name in ("switch", "sip", "xmpp"):
            self.parts[name].stopped.callback(None)
        again = SQLitePreferences(Clock(), path, DirectDisk())
        again.startService()
        self.addCleanup(again.stopService)
        self.assertTrue(again.of("scott@chat.example").doNotDisturb)

    def test_fewFiles(self) -> None:
        """The log says at the start that there are too few files for the ports; enough of them are not worth a line."""
        for hard, said in ((1024, 1), (4096, 0), (resource.RLIM_INFINITY, 0)):
            self.patch(resource, "getrlimit", lambda which, hard=hard: (hard, hard))
            self.patch(resource, "setrlimit", lambda which, limits: None)
            self.make()
            with capturedLogs() as events:
                self.gateway.startService()
            lines = [str(formatEvent(event)) for event in events if event["log_level"] is LogLevel.warn]
            self.assertEqual(len(lines), said)
            self.assertTrue(all("open 1024 files" in line and "need 2100" in line for line in lines))

    def test_stopInSpiteOfTrouble(self) -> None:
        """A part that does not stop in good order is logged, and the others stop all the same."""
        self.make()
        self.gateway.startService()
        stopped = self.gateway.stopService()
        self.parts["switch"].stopped.errback(ValueError("calls"))
        self.parts["sip"].stopped.errback(ValueError("sip"))
        self.parts["xmpp"].stopped.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        self.assertEqual(self.journal[-1], "media stops")

    def test_cannotStart(self) -> None:
        """Without its port the gateway exits, and says why."""
        self.make(ConfigError("cannot listen for SIP on 192.0.2.1 port 5070"))
        with capturedLogs() as events:
            ending = self.assertRaises(SystemExit, self.gateway.startService)
        self.assertEqual(ending.code, 1)
        self.assertEqual(
            [(event["log_level"], formatEvent(event)) for event in events],
            [(LogLevel.critical, "ichatgw cannot start: cannot listen for SIP on 192.0.2.1 port 5070")],
        )
