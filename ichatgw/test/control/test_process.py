# -*- test-case-name: ichatgw.test.control.test_process -*-
"""Tests for L{ichatgw.control.process}."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reload import Outcome as Reread
from ichatgw.control.process import Process
from ichatgw.control.protocol import Answer, Order, OrderError
from ichatgw.control.server import Orders
from ichatgw.observe.readiness import Condition, Readiness


class ProcessTests(SynchronousTestCase):
    """L{Process}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.trouble = ""
        self.over: Deferred[Reread] = Deferred()
        self.levels: list[str] = []
        self.reloader = SimpleNamespace(
            settings=SimpleNamespace(logLevel="INFO"),
            reload=lambda: self.over,
            override=lambda logLevel: self.levels.append(logLevel),
        )
        self.orders = Orders()
        self.process = Process(
            self.clock,
            Readiness([Condition("XMPP link", lambda: self.trouble)]),
            cast(Any, SimpleNamespace(order=lambda: "No new calls")),
            cast(Any, self.reloader),
            lambda: {"calls": 3},
            True,
        )
        self.process.addTo(self.orders)

    def do(self, name: str, **words: str) -> Any:
        return cast(Answer, self.orders(Order(name, words))).data

    def test_status(self) -> None:
        """The status says whether the gateway is ready, and all figures."""
        self.clock.advance(12.34)
        status = self.do("status")
        self.assertEqual(
            (status["ready"], status["troubles"], status["uptime"], status["calls"], status["logLevel"]),
            (True, [], 12.3, 3, "INFO"),
        )
        self.trouble = "refused"
        status = self.do("status")
        self.assertEqual((status["ready"], status["troubles"]), (False, [{"part": "XMPP link", "text": "refused"}]))

    def test_drain(self) -> None:
        """Draining says what happens."""
        self.assertEqual(self.do("drain"), {"text": "No new calls"})

    def test_reload(self) -> None:
        """What has changed is said when all is read; what is wrong is an error with all of its lines."""
        for outcome in (Reread(True, ("a", "b")), Reread(False, ("c: wrong", "d: wrong"))):
            self.over = Deferred()
            answer = cast(Deferred[Answer], self.orders(Order("reload")))
            self.assertNoResult(answer)
            self.over.callback(outcome)
            if outcome.isTaken:
                self.assertEqual(self.successResultOf(answer).data, {"lines": ["a", "b"]})
            else:
                error = self.failureResultOf(answer, OrderError).getErrorMessage()
                self.assertEqual(error, "settings stay as they were:\nc: wrong\nd: wrong")

    def test_logLevel(self) -> None:
        """A level is used until the settings are read again; what is none is refused, and if the log is not ours."""
        self.assertEqual(self.do("loglevel", level="debug"), {"level": "DEBUG", "before": "INFO"})
        self.assertIn("use one of NONE, CRIT", str(self.assertRaises(OrderError, self.do, "loglevel", level="loud")))
        self.assertRaises(OrderError, self.do, "loglevel")
        self.process.takesLevel = False
        self.assertIn("start it without", str(self.assertRaises(OrderError, self.do, "loglevel", level="INFO")))
        self.assertEqual(self.levels, ["DEBUG"])
