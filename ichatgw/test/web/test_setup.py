"""Tests for L{ichatgw.web.setup}."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.settings import Settings
from ichatgw.control.protocol import Answer
from ichatgw.errors import ConfigError
from ichatgw.runtime.steps import atOnce
from ichatgw.test.support.web import FIGURES, Place
from ichatgw.web.setup import Lately, Shown, Web, webOf

LINES = "JabberServer = a\nJabberComponentName = gw.a\nJabberComponentPassword = x\n"
TOKEN = "0123456789abcdef"


class SettingsTests(SynchronousTestCase):
    """What may be set together."""

    def load(self, lines: str) -> Settings:
        """Read settings."""
        path = Path(self.mktemp())
        path.write_text(LINES + lines)
        return Settings.load(str(path))[0]

    def test_off(self) -> None:
        """If nothing is set, nothing listens."""
        self.assertEqual(self.load("").httpPort, 0)

    def test_loopback(self) -> None:
        """Without a login only the loopback is listened at; the error says where, and what to set."""
        for address in ("127.0.0.1", "127.0.0.2", "::1"):
            self.load(f"HTTPPort = 8088\nHTTPAddress = {address}\n")
        for address in ("192.0.2.1", "0.0.0.0", "::"):
            lines = f"HTTPPort = 8088\nHTTPAddress = {address}\n"
            problem = self.assertRaises(ConfigError, self.load, lines)
            self.assertIn("HTTPUsers", str(problem))
            self.assertIn(":5: HTTPAddress", str(problem))
            self.load(f"{lines}HTTPToken = {TOKEN}\n")
        self.load("HTTPAddress = 0.0.0.0\n")  # nothing listens

    def test_ports(self) -> None:
        """A port that SIP has is none for HTTP."""
        self.assertRaises(ConfigError, self.load, "HTTPPort = 5070\n")
        self.assertRaises(ConfigError, self.load, "HTTPPort = 5071\n")


class WebTests(SynchronousTestCase):
    """The service."""

    def setUp(self) -> None:
        self.place = Place()
        self.reactor = MemoryReactorClock()
        path = Path(self.mktemp())
        path.write_text(LINES + "HTTPPort = 8088\n")
        self.settings = Settings.load(str(path))[0]
        place = self.place
        self.shown = Shown(
            place.turns,
            place.scene.events,
            place.calls,
            place.readiness,
            lambda: FIGURES,
            lambda: iter(place.trunks),
            lambda order: Answer(),
        )

    def made(self, **settings: Any) -> Web:
        """The service, with other settings."""
        web = webOf(self.reactor, evolve(self.settings, **settings), self.shown)
        assert web is not None
        return web

    def users(self, text: str) -> str:
        """A file of users."""
        path = Path(self.mktemp())
        path.write_text(text)
        os.chmod(path, 0o600)
        return str(path)

    def test_listens(self) -> None:
        """It listens where the settings say, and no more when it is stopped; what is connected is cut off."""
        web = self.made()
        web.startService()
        port, factory, _, host = self.reactor.tcpServers[0][:4]
        self.assertEqual((port, host), (8088, "127.0.0.1"))
        self.successResultOf(web.stopService())
        self.successResultOf(web.stopService())

    def test_off(self) -> None:
        """Without a port there is nothing, and nothing reads the stream for it."""
        before = dict(self.shown.events._readers)
        self.assertIsNone(webOf(self.reactor, evolve(self.settings, httpPort=0), self.shown))
        self.assertEqual(self.shown.events._readers, before)

    def test_taken(self) -> None:
        """A port that another program has is an error that names the setting."""

        def taken(*arguments: Any, **more: Any) -> None:
            raise CannotListenError("127.0.0.1", 8088, OSError(98, "Address already in use"))

        web = self.made()
        self.patch(self.reactor, "listenTCP", taken)
        self.assertIn("HTTPPort", str(self.assertRaises(ConfigError, web.startService)))

    def test_wrong(self) -> None:
        """TLS without a certificate, a short token and a wrong file of users are errors at the start."""
        self.assertRaises(ConfigError, self.made, httpTLS=True)
        self.assertRaises(ConfigError, self.made, httpToken="short")
        self.assertRaises(ConfigError, self.made, httpUsers=self.users("ann\n"))

    def test_reload(self) -> None:
        """Users and token are read again; but the last of them cannot go while it runs."""
        path = self.users("ann:password\n")
        web = self.made(httpUsers=path)
        Path(path).write_text("bob:password\n")
        settings = evolve(self.settings, httpUsers=path)
        part = web.reloadables[0]
        self.assertEqual(atOnce(part.steps(settings))(), "the passwords in its file")
        self.assertIsNone(atOnce(part.steps(settings))())
        self.assertRaises(ConfigError, atOnce, part.steps(self.settings))

    def test_lately(self) -> None:
        """Figures that many ask for at once are made once."""
        made: list[int] = []
        lately = Lately(self.place.turns, lambda: made.append(1) or FIGURES)  # type: ignore[func-returns-value]
        for _ in range(5):
            lately()
        self.place.clock.advance(1)
        lately()
        self.assertEqual(len(made), 2)
