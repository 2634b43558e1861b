"""Tests for L{ichatgw.sip.sippylib.clock}."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from sippy.Core.Exceptions import dump_exception
from sippy.SipURL import SipURL
from sippy.Time.MonoTime import MonoTime
from sippy.Time.Timeout import Timeout, TimeoutAbsMono, TimeoutInact
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

import ichatgw.sip.endpoint  # it loads all of sippy that the gateway uses
from ichatgw.sip.sippylib.clock import SippyTimer, dispatcher, useClock
from ichatgw.test.marks import slow


class TimerTests(SynchronousTestCase):
    """sippy's timers on our clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        useClock(self.clock)
        self.runs: list[Any] = []

    def test_once(self) -> None:
        """A timer runs once, with its parameters, and leaves nothing."""
        timer = Timeout(lambda *words: self.runs.append(words), 0.5, 1, "a", "b")
        assert isinstance(timer, SippyTimer)
        self.clock.advance(0.4)
        self.assertEqual(self.runs, [])
        self.clock.advance(0.2)
        self.assertEqual(self.runs, [("a", "b")])
        self.assertEqual((timer.callback, timer.params), (None, ()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_ticks(self) -> None:
        """A timer with a number of ticks runs so often, one with -1 for ever."""
        Timeout(lambda: self.runs.append(3), 1, 3)
        for_ever = Timeout(lambda: self.runs.append(-1), 1, -1)
        self.clock.pump([1] * 10)
        self.assertEqual((self.runs.count(3), self.runs.count(-1)), (3, 10))
        for_ever.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancel(self) -> None:
        """A cancelled timer does not run and holds nothing; cancelling again is harmless, running or not."""
        timer = Timeout(self.runs.append, 1, 1, "never")
        assert isinstance(timer, SippyTimer)
        timer.cancel()
        timer.cancel()
        self.assertEqual((timer.callback, timer.params), (None, ()))
        self.clock.advance(2)
        self.assertEqual(self.runs, [])

    def test_cancelInside(self) -> None:
        """A timer may cancel itself from inside its run."""

        def run() -> None:
            self.runs.append(1)
            timer.cancel()

        timer = Timeout(run, 1, -1)
        self.clock.pump([1] * 3)
        self.assertEqual(self.runs, [1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_goAfterCancel(self) -> None:
        """A timer that was cancelled before it started stays silent."""
        timer = TimeoutInact(self.runs.append, 1, 1, "never")
        timer.cancel()
        timer.go()
        self.clock.advance(2)
        self.assertEqual(self.runs, [])

    def test_inactive(self) -> None:
        """A timer that was not started does not run; jitter is accepted and not made."""
        timer = TimeoutInact(self.runs.append, 1, 1, "x")
        timer.spread_runs(0.5)
        self.clock.advance(5)
        self.assertEqual(self.runs, [])
        timer.go()
        self.clock.advance(1)
        self.assertEqual(self.runs, ["x"])

    def test_absolute(self) -> None:
        """A timer for a moment runs then, or at once if that has passed."""
        TimeoutAbsMono(self.runs.append, MonoTime().getOffsetCopy(30), "later")
        TimeoutAbsMono(self.runs.append, MonoTime().getOffsetCopy(-30), "at once")
        self.clock.advance(0)
        self.assertEqual(self.runs, ["at once"])
        self.clock.advance(30.1)
        self.assertEqual(self.runs, ["at once", "later"])

    def test_failure(self) -> None:
        """A run that raises is logged, and the next run comes."""

        def fail() -> None:
            self.runs.append(1)
            raise ZeroDivisionError

        timer = Timeout(fail, 1, -1)
        self.clock.pump([1] * 2)
        self.assertEqual(self.runs, [1, 1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        timer.cancel()

    def test_fromThread(self) -> None:
        """What sippy would call from a thread is called soon, not at once."""
        dispatcher.callFromThread(self.runs.append, 1)
        self.assertEqual(self.runs, [])
        self.clock.advance(0)
        self.assertEqual(self.runs, [1])

    def test_signals(self) -> None:
        """sippy gets no hold of signals."""
        dispatcher.regSignal(15, self.runs.append, "x")
        self.assertEqual(self.clock.getDelayedCalls(), [])


class StandInTests(SynchronousTestCase):
    """What stands in the place of parts of sippy."""

    def modules(self) -> dict[str, Any]:
        """The modules of sippy that are in use, without the loop and the clock, which are ours."""
        return {
            name: module
            for name, module in list(sys.modules.items())
            if name.startswith("sippy.") and getattr(module, "__file__", None)
        }

    def calls(self, module: Any) -> set[str]:
        """The names of the plain functions that the module calls, but for its selftests."""
        tree = ast.parse(Path(module.__file__).read_text("utf-8"))
        tree.body = [
            node
            for node in tree.body
            if not isinstance(node, ast.If) and not getattr(node, "name", "").lower().startswith(("selftest", "test"))
        ]
        return {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}

    def test_loop(self) -> None:
        """sippy's own loop and clock are not loaded, and no thread runs."""
        self.assertIs(sys.modules["sippy.Core.EventDispatcher"].ED2, dispatcher)
        self.assertIsNone(getattr(sys.modules["sippy.Core.EventDispatcher"], "__file__", None))
        self.assertIsNone(getattr(sys.modules["sippy.Time.clock_dtime"], "__file__", None))
        self.assertEqual([t.name for t in threading.enumerate() if "sippy" in type(t).__module__], [])

    @slow
    def test_first(self) -> None:
        """Whichever module of tests is loaded first, and if it imports sippy first, the loop is ours."""
        checkout = Path(ichatgw.sip.endpoint.__file__).parents[2]
        for package in ("ichatgw.sip", "ichatgw.test"):
            words = f"import {package}; import sippy.Core.EventDispatcher as loop; print(loop.__doc__)"
            command = [sys.executable, "-c", words]
            said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=checkout)
            self.assertEqual(said.stdout, "Stands in for sippy's event loop.\n", package)

    @slow
    def test_stdout(self) -> None:
        """No module of sippy in use that can print does so."""
        silent = {"sippy.Time.MonoTime", "sippy.Time.Timeout"}
        for name, module in self.modules().items():
            if name not in silent and "print" in self.calls(module):
                self.assertIn("print", vars(module), name)

    def test_dump(self) -> None:
        """No module of sippy in use has kept the function that dumps tracebacks."""
        for name, module in self.modules().items():
            found = getattr(module, "dump_exception", dump_exception)
            self.assertEqual(found.__module__, "ichatgw.sip.sippylib.clock", name)

    def test_dumpIsALine(self) -> None:
        """What would have been a dump is one short debug event without the peer's bytes."""
        with capturedLogs() as events:
            try:
                raise ValueError("a\r\nb" * 1000)
            except ValueError:
                dump_exception("bad\nmessage" * 1000, extra="secret")
        (event,) = events
        self.assertIs(event["log_level"], LogLevel.debug)
        self.assertTrue(max(len(str(value)) for value in (event["message"], event["value"])) <= 200)
        self.assertNotIn("secret", repr(event))

    def test_print(self) -> None:
        """What sippy would print is a short debug event."""
        import sippy.SipVia

        with capturedLogs() as events:
            vars(sippy.SipVia)["print"]("a", 1, "x" * 500, sep="?")
        (event,) = events
        self.assertIs(event["log_level"], LogLevel.debug)
        self.assertEqual(event["text"], ("a 1 " + "x" * 500)[:200])

    def test_dir(self) -> None:
        """The one question that sippy asks of C{dir} is still answered right."""
        local = (("203.0.113.1", 5070), "udp")
        self.assertEqual(SipURL("sip:bob@192.0.2.1").localStr(local), "sip:bob@192.0.2.1")
        self.assertEqual(SipURL(username="bob").localStr(local), "sip:bob@203.0.113.1:5070")

    def test_tel(self) -> None:
        """A caller id of a telephone is read."""
        self.assertEqual(SipURL("tel:+4930123").username, "+4930123")
