# -*- test-case-name: ichatgw.test.control.test_drain -*-
"""Tests for L{ichatgw.control.drain}."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.control.drain import SIGNAL, Drain


class Calls:
    """Some calls."""

    def __init__(self) -> None:
        self.live = 2
        self.orders = 0
        self.over: Deferred[None] = Deferred()

    def drain(self) -> Deferred[None]:
        self.orders += 1
        return self.over if self.live else succeed(None)


class DrainTests(SynchronousTestCase):
    """L{Drain}."""

    def setUp(self) -> None:
        self.calls = Calls()
        self.later: list[Callable[[], object]] = []
        self.done: list[str] = []
        self.drain = Drain(cast(Any, self), self.calls, lambda: self.done.append("stop"))
        self.drain.began = lambda: self.done.append("begin")
        self.drain.startService()
        self.addCleanup(self.end)

    def end(self) -> None:
        if self.drain.running:
            self.drain.stopService()

    def callFromThread(self, call: Callable[[], object]) -> None:
        self.later.append(call)

    def turn(self) -> None:
        """The next turn of the reactor."""
        later, self.later = self.later, []
        for call in later:
            call()

    def test_waits(self) -> None:
        """It waits for the calls that are up, and then stops the process, once."""
        self.assertIn("when 2 calls are over; drain again", self.drain.order())
        self.turn()
        self.assertEqual((self.done, self.calls.orders), (["begin"], 1))
        self.calls.over.callback(None)
        self.assertEqual(self.done, ["begin"])  # who has ordered it is answered first
        self.turn()
        self.assertEqual(self.done, ["begin", "stop"])
        self.assertIn("stopping already", self.drain.order())

    def test_hurry(self) -> None:
        """The second order ends the calls, by the process' stop; that they are over then does not stop it again."""
        self.calls.live = 1
        self.drain.order()
        self.assertIn("1 call is ended now", self.drain.order())
        self.turn()
        self.calls.over.callback(None)
        self.drain.order()
        self.turn()
        self.assertEqual(self.done, ["begin", "stop"])

    def test_idle(self) -> None:
        """Without calls it stops at once."""
        self.calls.live = 0
        self.assertIn("no calls", self.drain.order())
        self.turn()
        self.assertEqual(self.done, ["begin", "stop"])

    def test_signal(self) -> None:
        """The signal is such an order; when all is over it is what it was before."""
        before = self.drain._before
        os.kill(os.getpid(), SIGNAL)
        self.assertEqual(self.calls.orders, 0)  # nothing is interrupted
        self.turn()
        self.assertEqual(self.calls.orders, 1)
        self.drain.stopService()
        self.assertEqual(signal.getsignal(SIGNAL), before)

    def test_stoppedMeanwhile(self) -> None:
        """A process that is stopped while it waits is not stopped once more by its last call."""
        self.drain.order()
        self.drain.stopService()
        self.calls.over.callback(None)
        self.turn()
        self.assertEqual(self.done, ["begin"])
