# -*- test-case-name: ichatgw.test.control.test_setup -*-
"""Tests for L{ichatgw.control.setup}."""

from __future__ import annotations

import json
import os
from typing import Any, cast

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.settings import Settings
from ichatgw.control.drain import Drain
from ichatgw.control.place import ControlListener
from ichatgw.control.protocol import Answer, Order
from ichatgw.control.server import Server
from ichatgw.gateway.administration import ordered, reloading
from ichatgw.gateway.build import gateway
from ichatgw.gateway.service import Gateway
from ichatgw.log.logfile import LineObserver
from ichatgw.test.marks import slow
from ichatgw.test.support.configs import ready
from ichatgw.test.support.sip.trunks import trunk

SETTINGS = Settings(
    jabberServer="127.0.0.1",
    jabberComponentName="gw.example",
    jabberComponentPassword="s3cret",
    subscriptionDatabase="none",
)


class SetupTests(SynchronousTestCase):
    """A whole gateway that takes orders."""

    def make(self, environ: dict[str, str], log: Any = None, **changes: Any) -> Gateway:
        settings = evolve(SETTINGS, **changes)
        reactor: Any = MemoryReactorClock()
        made = gateway(reactor, settings)
        reloading(reactor, made, settings, lambda: ready(settings), log)
        ordered(reactor, made, settings, log, environ)
        return made

    def do(self, made: Gateway, name: str, **words: str) -> Answer:
        (listener,) = (each for each in made.ordering if isinstance(each, ControlListener))
        return cast(Answer, cast(Server, listener._factory).orders(Order(name, words)))

    @slow
    def test_place(self) -> None:
        """The socket is where the setting says, else where systemd or the start says; or there is none."""
        environ = {"RUNTIME_DIRECTORY": "/run/gw"}
        for path, expected, isWanted in (
            ("", "/run/gw/ichatgw.sock", False),
            ("x/s", os.path.abspath("x/s"), True),
        ):
            drain, listener = self.make(environ, controlSocket=path).ordering
            assert isinstance(listener, ControlListener)
            self.assertEqual((listener.path, listener.isWanted), (expected, isWanted))
            self.assertIsInstance(drain, Drain)
        (drain,) = self.make(environ, controlSocket="none").ordering
        self.assertIsInstance(drain, Drain)

    def test_status(self) -> None:
        """Every figure of the status is there, and fit for JSON."""
        status = json.loads(json.dumps(self.do(self.make({}), "status").data))
        self.assertEqual((status["calls"], status["callsMade"], status["users"], status["registrations"]), (0, 0, 0, 0))
        self.assertEqual((status["mediaPorts"], status["mediaPortsFree"]), (1000, 1000))
        self.assertGreater(status["files"], 2)
        self.assertFalse(status["ready"])
        self.assertEqual(status["link"], "it has not answered yet")

    def test_logLevel(self) -> None:
        """The level holds for the log, and for whole messages; the file's own holds again when it is read."""
        log = LineObserver(lambda line: None, "INFO")
        made = self.make({}, cast(ILogObserver, log))
        sinks: list[object] = []
        self.patch(made.endpoint, "logMessages", sinks.append)
        self.do(made, "loglevel", level="STACK")
        self.assertEqual((log.level, [sink is None for sink in sinks]), ("STACK", [False]))
        assert made.reloader is not None
        made.reloader.reload()
        self.assertEqual((log.level, [sink is None for sink in sinks]), ("INFO", [False, True]))

    def test_people(self) -> None:
        """Users and registrations can be asked for, and trunks."""
        made = self.make({})
        for name in ("users", "registrations"):
            answer = self.do(made, name)
            self.assertEqual((answer.data, list(answer.items)), ({"count": 0}, []))
        made = self.make({}, trunks=(trunk(probeTime=30),))
        (found,) = self.do(made, "trunks").items
        self.assertEqual((found["name"], found["state"], found["probing"]), ("one", "not registered", "not asked yet"))
