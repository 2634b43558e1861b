# -*- test-case-name: ichatgw.test.config.test_reload -*-
"""
Settings that change while the gateway runs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw import options
from ichatgw.config.reading.reader import DEFAULT_FILE
from ichatgw.config.reload import INTERVAL, LongReloadable, Outcome, Reloadable, Reloader
from ichatgw.config.settings import Settings
from ichatgw.errors import ConfigError, NeedsRestart, NoRoute
from ichatgw.gateway.administration import reloading
from ichatgw.gateway.build import gateway
from ichatgw.log.logfile import LineObserver
from ichatgw.net.networks import PRIVATE
from ichatgw.runtime.steps import Steps, atOnce
from ichatgw.runtime.turns import SWEEP_ITEMS, Turns
from ichatgw.test.support.configs import ready
from ichatgw.xmpp.presence.registrations import PresenceRegistrations
from ichatgw.xmpp.stanzas import parseJID

SETTINGS = Settings(
    jabberServer="127.0.0.1",
    jabberComponentName="gw.example",
    jabberComponentPassword="s3cret",
    translationRules=(("^xmpp:72@", "sip:bell@192.0.2.77"),),
    subscriptionDatabase="none",
)


class Reactor(MemoryReactorClock):
    """Keeps what a signal asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Callable[..., object]] = []

    def callFromThread(self, f: Callable[..., Any], *args: object, **kw: object) -> None:
        self.asked.append(f)


class ReloaderTests(SynchronousTestCase):
    """L{Reloader}."""

    def setUp(self) -> None:
        self.wanted = SETTINGS
        self.problem: Exception | None = None
        self.warnings: list[str] = []
        self.taken: list[Settings] = []
        self.word: str | None = None
        self.steps = 1
        self.reactor = Reactor()
        self.turns = Turns(cast(Any, self.reactor))
        self.reloader = Reloader(
            cast(Any, self.reactor),
            self.turns,
            SETTINGS,
            self.load,
            [Reloadable(("logLevel", "maxCalls"), self.prepare)],
        )

    def load(self) -> Steps[tuple[Settings, list[str]]]:
        for _ in range(self.steps):
            yield
        if self.problem is not None:
            raise self.problem
        return self.wanted, self.warnings

    def prepare(self, settings: Settings) -> Callable[[], str | None]:
        def change() -> str | None:
            self.taken.append(settings)
            return self.word

        return change

    def lines(self) -> list[str]:
        with capturedLogs() as events:
            self.reloader.reload()
        return [str(formatEvent(event)) for event in events]

    def test_changed(self) -> None:
        """What changed is said, with the old and the new value, and is in force."""
        self.wanted = evolve(SETTINGS, logLevel="DEBUG", maxCalls=7)
        self.assertEqual(
            self.lines(),
            [
                "Settings read again: MaxCalls is now 7, it was 0",
                "Settings read again: LogLevel is now DEBUG, it was INFO",
            ],
        )
        self.assertEqual([(s.logLevel, s.maxCalls) for s in self.taken], [("DEBUG", 7)])
        self.assertEqual(self.lines(), ["Settings read again: nothing changed"])

    def test_first(self) -> None:
        """The log is asked to go on in a new file before anything else is done, whatever is wrong with the settings."""
        done: list[str] = []
        self.reloader.first = lambda: done.append("log")
        self.problem = ConfigError("wrong")
        self.lines()
        self.problem = None
        self.lines()
        self.assertEqual(done, ["log", "log"])

    def test_outcome(self) -> None:
        """Who has asked for it learns what has changed, or what is wrong; and others that it begins, and is over."""
        told: list[bool] = []
        self.reloader.told = told.append
        self.wanted = evolve(SETTINGS, maxCalls=7)
        self.warnings = ["Old is obsolete"]
        outcome = self.successResultOf(self.reloader.reload())
        self.assertEqual(outcome, Outcome(True, ("Old is obsolete", "MaxCalls is now 7, it was 0")))
        for problem, lines in (
            (ConfigError("file: one\nfile: two"), ("file: one", "file: two")),
            (ValueError("x"), ("they could not be read: see the log",)),
        ):
            self.problem = problem
            self.assertEqual(self.successResultOf(self.reloader.reload()), Outcome(False, lines))
        self.flushLoggedErrors(ValueError)
        self.assertEqual(told, [True, False] * 3)

    def test_outcomeOfTwo(self) -> None:
        """Who asks while it is done learns with the other what becomes of the later attempt."""
        self.steps = 3 * SWEEP_ITEMS
        first = self.reloader.reload()
        self.assertNoResult(first)
        self.steps = 1
        second = self.reloader.reload()
        self.assertEqual(self.successResultOf(first), self.successResultOf(second))

    def test_needsRestart(self) -> None:
        """What cannot change is said each time, and stays."""
        self.wanted = evolve(SETTINGS, udpTcpPort=5060, logLevel="ERR")
        line = "Settings read again: UDPTCPPort would be 5060, but stays 5070 until a restart"
        self.assertIn(line, self.lines())
        self.assertEqual(self.reloader.settings.udpTcpPort, 5070)
        self.assertEqual(self.taken[0].udpTcpPort, 5070)
        self.assertEqual(self.lines(), [line, "Settings read again: nothing changed that can change now"])

    def test_secret(self) -> None:
        """A secret is not shown, neither the old one nor the new."""
        self.wanted = evolve(SETTINGS, jabberComponentPassword="swordfish")
        lines = self.lines()
        self.assertIn("JabberComponentPassword would be (not shown)", lines[0])
        for secret in ("s3cret", "swordfish"):
            self.assertNotIn(secret, "".join(lines))

    def test_shown(self) -> None:
        """Rules are counted, lists are joined, nothing is called blank."""
        self.reloader.add(Reloadable(("translationRules", "allowedSIPPeers"), self.prepare))
        self.wanted = evolve(
            SETTINGS, translationRules=(), allowedSIPPeers=PRIVATE[:2], advertisedAddress=("192.0.2.1",)
        )
        text = "\n".join(self.lines())
        for words in (
            "TranslationPattern and TranslationOutput is now 0 rules, it was 1 rule",
            "AllowedSIPPeers is now 127.0.0.0/8, 10.0.0.0/8, it was private",
            "AdvertisedAddress would be 192.0.2.1, but stays (blank)",
        ):
            self.assertIn(words, text)
        self.wanted = evolve(self.wanted, translationRules=(("a", "sip:b@c"),))
        self.reloader.reload()
        self.wanted = evolve(self.wanted, translationRules=(("a", "sip:d@c"),))
        self.assertIn("is now 1 rule, others than before, it was 1 rule", "\n".join(self.lines()))

    def test_wrong(self) -> None:
        """If anything is wrong nothing changes, and each problem has its line."""
        self.problem = ConfigError("file:1: a\nfile:2: b")
        self.assertEqual(
            self.lines(), ["Settings stay as they were: file:1: a", "Settings stay as they were: file:2: b"]
        )
        self.assertEqual(self.taken, [])
        self.assertIs(self.reloader.settings, SETTINGS)

    def test_partRefuses(self) -> None:
        """If one part cannot take the new settings none does."""

        def prepare(settings: Settings) -> Callable[[], str | None]:
            raise ConfigError("no such certificate")

        self.reloader.add(Reloadable((), prepare))
        self.wanted = evolve(SETTINGS, logLevel="ERR")
        self.assertEqual(self.lines(), ["Settings stay as they were: no such certificate"])
        self.assertEqual(self.taken, [])

    def test_partHasToWait(self) -> None:
        """If all of one part has to wait for a restart the others change, and it is said what waits, and why."""

        def prepare(settings: Settings) -> Callable[[], str | None]:
            raise NeedsRestart("the first certificate needs a restart")

        self.reloader.parts.insert(0, Reloadable(("tlsCertificate",), prepare))
        self.wanted = evolve(SETTINGS, logLevel="ERR", tlsCertificate="x.pem")
        self.assertEqual(
            self.lines(),
            [
                "Settings read again: LogLevel is now ERR, it was INFO",
                "Settings read again: TLSCertificate would be x.pem, but stays (blank) until a restart",
                "Settings read again: the first certificate needs a restart",
            ],
        )
        self.assertEqual(self.reloader.settings, evolve(SETTINGS, logLevel="ERR"))

    def test_undeclared(self) -> None:
        """No part takes a setting that is declared to need a restart: then it would not be what the manual says."""
        part = Reloadable(("maxCalls", "udpTcpPort"), self.prepare)
        problem = self.assertRaises(ValueError, self.reloader.add, part)
        self.assertIn("udpTcpPort", str(problem))
        self.assertNotIn(part, self.reloader.parts)

    def test_fault(self) -> None:
        """A fault of ours neither gets out nor changes anything."""
        self.problem = RuntimeError("ours")
        self.assertEqual(self.lines(), ["Settings stay as they were, for they could not be read"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_faultyChange(self) -> None:
        """A change that fails does not keep others from happening."""

        def change() -> str | None:
            raise RuntimeError("ours")

        self.reloader.parts.insert(0, Reloadable((), lambda settings: change))
        self.reloader.reload()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(len(self.taken), 1)

    def test_word(self) -> None:
        """A part may say what changed although no setting did; warnings are passed on."""
        self.word = "the certificate is another one"
        self.warnings = ["file:9: Foo: unknown setting"]
        self.assertEqual(self.lines(), [*self.warnings, "Settings read again: the certificate is another one"])

    def test_parts(self) -> None:
        """Long work is done in parts, and nothing changes before its end; one that begins anew forgets the first."""
        self.wanted = evolve(SETTINGS, maxCalls=7)
        self.steps = SWEEP_ITEMS
        self.assertEqual(self.lines(), [])
        self.assertEqual(self.reloader.settings.maxCalls, 0)
        self.wanted = evolve(SETTINGS, maxCalls=8)
        self.assertEqual(self.lines(), [])
        with capturedLogs() as events:
            self.reactor.advance(INTERVAL)
        self.assertEqual([formatEvent(each) for each in events], ["Settings read again: MaxCalls is now 8, it was 0"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stopped(self) -> None:
        """Work that is not done when the gateway stops never is."""
        self.steps = SWEEP_ITEMS
        self.reloader.startService()
        self.reloader.reload()
        self.reloader.stopService()
        self.reactor.advance(0)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_longPart(self) -> None:
        """A part may take its time, too, and may find something wrong at the end."""

        def long(settings: Settings) -> Steps[Callable[[], str | None]]:
            for _ in range(SWEEP_ITEMS):
                yield
            raise ConfigError("the last line is wrong")

        self.reloader.add(LongReloadable((), long))
        self.wanted = evolve(SETTINGS, maxCalls=7)
        self.assertEqual(self.lines(), [])
        with capturedLogs() as events:
            self.reactor.advance(INTERVAL)
        self.assertEqual([formatEvent(each) for each in events], ["Settings stay as they were: the last line is wrong"])
        self.assertEqual(self.taken, [])

    def test_signal(self) -> None:
        """SIGHUP has it done by the reactor; when the service stops the signal is whose it was."""
        before = signal.getsignal(signal.SIGHUP)
        self.reloader.startService()
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        finally:
            self.reloader.stopService()
        self.assertEqual(self.reactor.asked, [self.reloader.reload])
        self.assertEqual(signal.getsignal(signal.SIGHUP), before)


class GatewayTests(SynchronousTestCase):
    """What a whole gateway takes anew."""

    def setUp(self) -> None:
        self.wanted = SETTINGS
        self.reactor = MemoryReactorClock()
        self.gateway = gateway(self.reactor, SETTINGS)
        self.log = LineObserver(lambda line: None, "INFO")
        reloading(self.reactor, self.gateway, SETTINGS, lambda: ready(self.wanted), self.log)

    def reload(self, **changed: Any) -> None:
        self.wanted = evolve(SETTINGS, **changed)
        reloader = self.gateway.reloader
        assert reloader is not None
        reloader.reload()

    def test_rules(self) -> None:
        """Calls are routed by the new rules; rules that cannot work leave the old ones."""
        translate = self.gateway.switch.plan.translate
        self.reload(translationRules=(("^xmpp:73@", "sip:watson@192.0.2.77"),))
        self.assertEqual(translate("xmpp:73@gw.example"), "sip:watson@192.0.2.77")
        self.assertRaises(NoRoute, translate, "xmpp:72@gw.example")
        self.reload(translationRules=(("(", "sip:x@y"),))
        self.assertEqual(translate("xmpp:73@gw.example"), "sip:watson@192.0.2.77")

    def test_registered(self) -> None:
        """Users are registered under the addresses that the new rules give them, without having to come anew."""
        reconsidered: list[str | None] = []
        self.patch(
            PresenceRegistrations, "reconsider", lambda online: reconsidered.append(online._address("bell@example"))
        )
        self.reload(translationRules=(("^xmpp:(bell)@", "sip:$1@192.0.2.78"),))
        self.assertEqual(reconsidered, ["sip:bell@192.0.2.78"])

    def test_peers(self) -> None:
        """Hosts that may call, the proxy always among them."""
        endpoint: Any = self.gateway.endpoint
        self.assertTrue(endpoint._legs.admits("127.0.0.1"))
        self.reload(allowedSIPPeers=PRIVATE[1:2])
        self.assertFalse(endpoint._legs.admits("127.0.0.1"))
        self.assertTrue(endpoint._legs.admits("10.0.0.1"))

    def test_domains(self) -> None:
        """Domains whose users may call."""
        guests: Any = self.gateway.endpoint.matchers[0]._allows  # type: ignore[attr-defined]
        jid = parseJID("a@example.org/x")
        self.assertFalse(guests(jid))
        self.reload(allowedXMPPDomains=("example.org",))
        self.assertTrue(guests(jid))

    def test_limits(self) -> None:
        """Limits on calls."""
        switch = self.gateway.switch
        self.reload(maxCalls=1, callsPerCaller=2, callsPerSecond=3)
        self.assertEqual((switch.maxCalls, switch.limits.perCaller, switch.limits.perSecond), (1, 2, 3))

    def test_logLevel(self) -> None:
        """The log's level; and messages are seen in full from STACK on, and no more after it."""
        messages: Any = self.gateway.endpoint._transactions._log
        self.assertIsNone(messages.sink)
        self.reload(logLevel="STACK")
        self.assertEqual(self.log.level, "STACK")
        self.assertIsNotNone(messages.sink)
        self.reload(logLevel="CRIT")
        self.assertEqual(self.log.level, "CRIT")
        self.assertIsNone(messages.sink)


class AgainTests(SynchronousTestCase):
    """L{options.again}."""

    def test_pipe(self) -> None:
        """A pipe, which could keep the process waiting, is not read again."""
        path = self.mktemp()
        os.mkfifo(path)
        problem = self.assertRaises(ConfigError, options.again, path, [], {})
        self.assertIn("only a plain file can be read again", str(problem))

    def test_missing(self) -> None:
        """A file that is gone is said as at the start."""
        problem = self.assertRaises(ConfigError, atOnce, options.again(self.mktemp(), [], {}))
        self.assertIn("cannot be read", str(problem))

    def test_options(self) -> None:
        """The file is found again after a change of directory, and the command line still wins."""
        directory = Path(self.mktemp())
        directory.mkdir()
        file = directory / DEFAULT_FILE
        file.write_text("JabberServer = a\nJabberComponentName = b.c\nJabberComponentPassword = d\nLogLevel = ERR\n")
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(directory)
        given = options.Options({})
        given.parseOptions(["--loglevel", "DEBUG"])
        os.chdir(here)
        file.write_text(file.read_text() + "LogLevel = CRIT\nMaxCalls = 3\n")
        settings, _ = atOnce(given.reload())
        self.assertEqual((settings.logLevel, settings.maxCalls), ("DEBUG", 3))
