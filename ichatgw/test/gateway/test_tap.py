# -*- test-case-name: ichatgw.test.gateway.test_tap -*-
"""
How the parts are put together, started and stopped.
"""

from __future__ import annotations

import gc
import os
import re
import resource
import runpy
from pathlib import Path
from typing import Any, cast

from attrs import evolve
from twisted.application.service import IServiceMaker, Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.plugin import getPlugins
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ichatgw.calls.switch import Switch
from ichatgw.config.settings import Proxy, Settings
from ichatgw.errors import ConfigError
from ichatgw.ichat.connectdata import AddressRecord
from ichatgw.ichat.protocol import IChatProtocol
from ichatgw.log.logfile import observer
from ichatgw.media.engine import MediaEngine
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.options import Options
from ichatgw.runtime.disk import DirectDisk
from ichatgw.runtime.pulse import Pulse
from ichatgw.runtime.turns import SWEEP_ITEMS, Turns
from ichatgw.sip.endpoint import Endpoint
from ichatgw.sip.register.schedule import Registrations
from ichatgw.sip.transport.udp import UDPWire
from ichatgw.tap import MAX_END, Gateway, OurRecords, endProcess, gateway, makeService, reloading
from ichatgw.test.marks import slow
from ichatgw.test.support.configs import ready
from ichatgw.test.support.fakes import OFFER, FakeLeg, arrivalOf
from ichatgw.test.support.sip.sipwire import FakeWire
from ichatgw.test.support.streams import acceptLast
from ichatgw.users.preferences import MemoryPreferences, Preferences
from ichatgw.users.sqlite import SQLitePreferences
from ichatgw.xmpp.link.component import Link
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.presence.registrations import PresenceRegistrations
from ichatgw.xmpp.presence.sqlitestore import SQLiteStore
from ichatgw.xmpp.stanzas import parseJID

SETTINGS = Settings(
    jabberServer="127.0.0.1",
    jabberComponentName="gw.example",
    jabberComponentPassword="s3cret",
    translationRules=((r"^xmpp:(\d+)@", "sip:$1@192.0.2.77"), (r"^sip:([a-z]+)@", "xmpp:$1@example")),
)


def withoutTimers(test: SynchronousTestCase) -> None:
    """What a test makes runs on the process' own reactor: let no timer of it be left for the tests that follow."""
    from twisted.internet import reactor

    timers = cast(IReactorTime, reactor)
    before = set(timers.getDelayedCalls())

    def cancel() -> None:
        for call in set(timers.getDelayedCalls()) - before:
            call.cancel()

    test.addCleanup(cancel)


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
        self.gateway.remember(SQLitePreferences(Clock(), path, DirectDisk()))
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


class WiringTests(SynchronousTestCase):
    """The real parts, not started."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.mkdir(self.folder)
        self.settings = evolve(SETTINGS, subscriptionDatabase=os.path.join(self.folder, "x.sqlite"))

    def test_memoryOnly(self) -> None:
        """Who wants no database gets none."""
        made = gateway(MemoryReactorClock(), evolve(SETTINGS, subscriptionDatabase="none"))
        self.assertEqual(set(made), {made.switch, made.endpoint, made.link})

    @slow
    def test_overload(self) -> None:
        """New calls are refused as soon as what has to be done is late."""
        made = gateway(MemoryReactorClock(), evolve(SETTINGS, subscriptionDatabase="none"))
        for late in (False, True):
            self.patch(Turns, "isLate", late)
            self.assertEqual(made.endpoint.isOverloaded, late)
            leg = FakeLeg()
            made.switch.arrived(leg, arrivalOf(leg, "sip:nobody@192.0.2.1", OFFER))
            self.assertEqual(any("too much to do" in ending.text for ending in leg.hangups), late)

    def test_gateway(self) -> None:
        """All parts are made and know each other; nothing is opened or timed before the start."""
        reactor = MemoryReactorClock()
        made = gateway(reactor, self.settings)
        self.assertEqual(list(made)[1:], [made.endpoint, made.link, made.switch])
        self.assertIsInstance(next(iter(made)), SQLiteStore)
        self.assertEqual(os.listdir(self.folder), [])
        self.assertIs(made.endpoint.arrivals, made.switch)
        self.assertIs(cast(Any, made.endpoint.matchers[0]).arrivals, made.switch)
        admits = cast(Any, made.endpoint)._legs.admits
        self.assertEqual((admits("192.168.1.1"), admits("203.0.113.7")), (True, False))
        self.assertEqual(reactor.tcpClients, [])

    def test_watched(self) -> None:
        """The sockets of SIP, the link and the media ports are looked after; memory is asked before a call is taken."""
        made = gateway(MemoryReactorClock(), self.settings)
        assert made.watch is not None and made.memory is not None
        pulse, *others = made.watch.vitals
        self.assertIsInstance(pulse, Pulse)
        self.assertEqual(tuple(others), (*made.endpoint.vitals, made.link, made.media))
        self.assertEqual(len(made.endpoint.vitals), 2)
        self.assertTrue(all(vital.missing == "" for vital in made.watch.vitals))
        self.assertEqual(made.switch.limits.hasRoom, made.memory.hasRoom)

    def test_presenceIsHeard(self) -> None:
        """The calls of iChats and the registrations hear who comes and goes; milliseconds become seconds."""
        made = gateway(MemoryReactorClock(), evolve(self.settings, iChatProceedingTimeout=1500))
        heard = made._presence.listeners
        (iChat,) = (each for each in heard if isinstance(each, IChatProtocol))
        self.assertEqual(iChat._proceedingTimeout, 1.5)
        self.assertEqual(len([each for each in heard if isinstance(each, PresenceRegistrations)]), 1)

    def test_log(self) -> None:
        """At SIGHUP the log goes on in a new file, if the one that there was has been moved away."""
        path = os.path.join(self.folder, "gw.log")
        made = gateway(MemoryReactorClock(), self.settings)
        log = observer("INFO", path, 0)
        reloading(MemoryReactorClock(), made, self.settings, lambda: ready(self.settings), log)
        assert made.reloader is not None
        log({"log_format": "one"})
        os.rename(path, path + ".1")
        made.reloader.reload()
        log({"log_format": "two"})
        self.assertIn("two", Path(path).read_text())
        self.assertNotIn("two", Path(path + ".1").read_text())

    @slow
    def test_names(self) -> None:
        """The names of calls differ from one run to the next."""
        runs = {gateway(MemoryReactorClock(), self.settings).switch.run for _ in range(20)}
        self.assertEqual(len(runs), 20)
        self.assertTrue(all(re.fullmatch("[a-z2-7]{6}-", run) for run in runs), runs)

    @slow
    def test_callDatabase(self) -> None:
        """Calls are kept beside the subscriptions, or where a setting says; nowhere, if there is to be no file."""
        beside = f"{self.settings.subscriptionDatabase}-calls"
        for settings, expected in (
            (self.settings, beside),
            (evolve(self.settings, callDatabase="elsewhere.sqlite"), "elsewhere.sqlite"),
            (evolve(self.settings, callDatabase="none"), ""),
            (evolve(self.settings, subscriptionDatabase="none"), ""),
            (evolve(self.settings, subscriptionDatabase="none", callDatabase="x"), "x"),
        ):
            made = gateway(MemoryReactorClock(), settings)
            self.assertEqual("" if made.journal is None else made.journal.path, expected)
            self.assertIs(made.switch.journal, made.journal)
        self.assertEqual(os.listdir(self.folder), [])

    def test_preferences(self) -> None:
        """What users choose is kept in the file of the subscriptions, or in memory if there is none."""
        for settings, kind in (
            (self.settings, SQLitePreferences),
            (evolve(self.settings, subscriptionDatabase="none"), MemoryPreferences),
        ):
            self.assertIsInstance(gateway(MemoryReactorClock(), settings).preferences, kind)

    def test_end(self) -> None:
        """A process that ends by itself says why, stops in good order, and tells whoever started it that it failed."""
        stopped, atExit = [], []

        class Reactor(Clock):
            def stop(self) -> None:
                stopped.append(1)

        reactor = Reactor()
        with capturedLogs() as events:
            endProcess(reactor, "the socket was lost", lambda *call: atExit.append(call))
        self.assertEqual((stopped, atExit), ([1], [(os._exit, 1)]))
        anyway: Any
        (anyway,) = reactor.getDelayedCalls()
        self.assertEqual((anyway.getTime(), anyway.func, anyway.args), (MAX_END, os._exit, (1,)))
        self.assertEqual([str(formatEvent(event)) for event in events], ["ichatgw ends: the socket was lost"])

    def test_badRule(self) -> None:
        """A rule that can never work is an error at once."""
        settings = Settings(
            jabberServer="h",
            jabberComponentName="gw.example",
            jabberComponentPassword="x",
            translationRules=(("(", "sip:x"),),
        )
        self.assertRaises(ConfigError, gateway, MemoryReactorClock(), settings)

    def test_proxyMayCall(self) -> None:
        """The outbound proxy may call if it is given as an address, else where it was found."""
        for host, allowed in (("203.0.113.7", True), ("proxy.example", False)):
            made = gateway(MemoryReactorClock(), evolve(SETTINGS, outboundProxy=Proxy(host)))
            self.assertIs(cast(Any, made.endpoint)._legs.admits("203.0.113.7"), allowed)
            cast(Any, made.endpoint)._dialer._way._addresses["203.0.113.8"] = None
            self.assertTrue(cast(Any, made.endpoint)._legs.admits("203.0.113.8"))

    @slow
    def test_domains(self) -> None:
        """The users of the domains that are allowed may call, and by default those of the server's own."""
        for domains, allowed in (((), "example"), (("other.example",), "other.example")):
            made = gateway(MemoryReactorClock(), evolve(SETTINGS, allowedXMPPDomains=domains))
            may = cast(Any, made.endpoint.matchers[0])._allows
            self.assertEqual(
                [may(parseJID(f"a@{domain}")) for domain in ("example", "other.example")],
                [allowed == "example", allowed == "other.example"],
            )

    def test_chooses(self) -> None:
        """PreferIPv6, which is in the file of ichat-gw, leads no call to where a gateway of IPv4 alone cannot send."""
        theirs = [
            AddressRecord("en0", TransportAddress("2001:db8::7", 16402)),
            AddressRecord("en1", TransportAddress("198.51.100.7", 16402)),
        ]
        for ours, chosen in (("192.0.2.10", theirs[1]), ("2001:db8::10", theirs[0])):
            made = gateway(MemoryReactorClock(), evolve(SETTINGS, ipAddress=ours, preferIPv6=True))
            self.assertEqual(cast(Any, made.endpoint.matchers[0])._choose(theirs), chosen)

    @slow
    def test_greetsEverybody(self) -> None:
        """What is said to all subscribers when the link is up waits for a server that is slow to take it in."""
        clock = MemoryReactorClock()
        made = gateway(clock, evolve(self.settings, jabberComponentName="ichat-gw.jabber.company.com"))
        presence: Any = made._presence
        number = parseJID("4915112345678@ichat-gw.jabber.company.com")
        for each in range(1000):
            presence._store._memory.add(parseJID(f"user{each}@jabber.company.com"), number)
        made.link.startService()
        server = acceptLast(clock)
        server.shakeHands()
        server.producer.pauseProducing()
        server.clear()
        clock.pump([0.1] * 100)
        self.assertEqual(server.take(), "")
        server.producer.resumeProducing()
        clock.pump([0.1] * 100)
        self.assertEqual(server.take().count("'probe'"), 1000 - SWEEP_ITEMS // 2)

    def test_makeService(self) -> None:
        """C{twistd} gets one service, with its log observer if it did not ask for another."""
        withoutTimers(self)
        options = Options({})
        options.settings, options.warnings = SETTINGS, ["careful"]
        self.assertTrue(hasattr(makeService(options), "startService"))

    def test_unusableFile(self) -> None:
        """What a setting names and cannot be used ends the start in a line, not in a traceback."""
        users = self.mktemp()
        Path(users).write_text("alice\n")
        os.chmod(users, 0o600)
        options = Options({})
        options.settings, options.warnings = evolve(SETTINGS, sipUsers=users), []
        problem = self.assertRaises(SystemExit, makeService, options)
        self.assertEqual(problem.code, f"ichatgw cannot start:\n{users}, line 1: expected a name and a password")

    def test_plugin(self) -> None:
        """C{twistd} finds the gateway."""
        self.assertIn("ichatgw", [maker.tapname for maker in getPlugins(IServiceMaker)])

    @slow
    def test_tac(self) -> None:
        """The C{.tac} says in one line what is wrong with the settings, and makes an application of good ones."""
        tac = Path(__file__).parents[3] / "etc" / "ichatgw.tac"
        if not tac.exists():
            raise SkipTest("not a source checkout")
        withoutTimers(self)
        path = self.mktemp()
        Path(path).write_text("JabberServer = 127.0.0.1\n")
        self.patch(__import__("os"), "environ", {"ICHATGW_CONFIG": path})
        problem = self.assertRaises(SystemExit, runpy.run_path, str(tac))
        self.assertIn("JabberComponentName", str(problem))
        Path(path).write_text(
            "JabberServer = 127.0.0.1\nJabberComponentName = gw.example\nJabberComponentPassword = x\nLogFilename = -\n"
        )
        self.assertIn("application", runpy.run_path(str(tac)))


class OurRecordsTests(SynchronousTestCase):
    """What iChats are told of our addresses."""

    def test_records(self) -> None:
        """Each address is named eth and a number, with the SIP port; the list is asked for anew now and then."""
        clock = Clock()
        addresses = LocalAddresses("192.0.2.10")
        records = OurRecords(clock, addresses, cast(UDPWire, FakeWire()))
        known = records()
        self.assertEqual(known, (AddressRecord("eth0", TransportAddress("192.0.2.10", 5070)),))
        addresses.configured = "192.0.2.11"
        self.assertIs(records(), known)
        clock.advance(31)
        self.assertEqual(records()[0].address.host, "192.0.2.11")
