# -*- test-case-name: ichatgw.test.runtime.test_clock -*-
"""Tests for L{ichatgw.runtime.clock}, and for who goes by which clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock, LoopingCall
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.clock import cancel, useMonotonicTime
from ichatgw.test.marks import slow
from ichatgw.test.support.sources import Source, modules, read

REACTORS: tuple[Callable[[], Any], ...] = (EPollReactor, PollReactor, SelectReactor)

# What is dated, or read by people.
BY_THE_WALL = {
    "check.asking.host",
    "check.asking.interfaces",
    "check.certificates",
    "check.sipanswers",
    "check.system",
    "media.dtls.dtls",
    "sip.transport.certificateexpiry",
    "sip.transport.tls",
    "log.lines",
    "jingle.setup",
    "observe.stream",
    "observe.records.fields",
    "selfservice.service",
    "sip.texts.messages",
    "web.bundle",
    "web.views",
}
# sippy's MonoTime is told both; it counts with the monotonic one.
NAMED = {"sip.sippylib.clock", "sip.message.sippyshortcuts", "runtime.clock"}

WALL = {
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "time.CLOCK_REALTIME",
    "datetime.datetime",
    "datetime.datetime.now",
    "twisted.python.runtime.seconds",
    "twisted.python.runtime.platform",
}


def calledByTheWall(source: Source) -> frozenset[str]:
    """The names by which a module reads the clock on the wall, wherever it does so."""
    return (source.imported | source.dotted) & WALL


class MonotonicTests(SynchronousTestCase):
    """Timers of a reactor, when the clock on the wall is set."""

    def setUp(self) -> None:
        self.now = 100.0
        self.ran: list[str] = []

    def made(self, make: Callable[[], Any]) -> Any:
        """A reactor that does not run, by our clock."""
        reactor = make()
        self.addCleanup(reactor.disconnectAll)
        self.addCleanup(lambda: [call.cancel() for call in reactor.getDelayedCalls()])
        return reactor

    def test_timers(self) -> None:
        """Timers of every reactor fire when the interval has passed by the clock that is never set, not before."""
        for make in REACTORS:
            reactor = self.made(make)
            useMonotonicTime(reactor, lambda: self.now)
            self.now = 100.0
            reactor.callLater(5, self.ran.append, make.__name__)
            self.assertEqual(reactor.timeout(), 5)
            self.now += 4.9
            reactor.runUntilCurrent()
            self.assertNotIn(make.__name__, self.ran)
            self.now += 0.2
            reactor.runUntilCurrent()
            self.assertIn(make.__name__, self.ran)

    def test_asyncio(self) -> None:
        """The reactor that runs on asyncio's loop counts by the same clock."""
        import asyncio

        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)
        reactor = self.made(lambda: AsyncioSelectorReactor(loop))
        useMonotonicTime(reactor, lambda: self.now)
        call = reactor.callLater(5, self.ran.append, "late")
        self.assertEqual((reactor.seconds(), call.getTime()), (100.0, 105.0))
        call.cancel()

    def test_pending(self) -> None:
        """What is waited for already is waited for as long as was asked."""
        reactor = self.made(SelectReactor)
        call = reactor.callLater(50, self.ran.append, "early")
        useMonotonicTime(reactor, lambda: self.now)
        self.assertTrue(149 < call.getTime() <= 150, call.getTime())
        call.reset(1)
        self.now += 1
        reactor.runUntilCurrent()
        self.assertEqual(self.ran, ["early"])

    def test_loops(self) -> None:
        """A call that is repeated is repeated by that clock."""
        reactor = self.made(SelectReactor)
        useMonotonicTime(reactor, lambda: self.now)
        loop = LoopingCall(lambda: self.ran.append("again"))
        loop.clock = reactor
        loop.start(2, now=False)
        for _ in range(6):
            self.now += 1
            reactor.runUntilCurrent()
        loop.stop()
        self.assertEqual(self.ran, ["again"] * 3)

    def test_default(self) -> None:
        """Nothing else is asked for than the system's monotonic clock."""
        reactor = self.made(SelectReactor)
        self.assertIs(reactor.seconds, time.time)
        useMonotonicTime(reactor)
        self.assertIs(reactor.seconds, time.monotonic)

    def test_again(self) -> None:
        """Asking twice changes nothing, nor does asking a clock that is no reactor's."""
        reactor = self.made(SelectReactor)
        useMonotonicTime(reactor, lambda: self.now)
        call = reactor.callLater(5, self.ran.append, "late")
        useMonotonicTime(reactor)
        self.assertEqual(call.getTime(), 105.0)
        clock = Clock()
        useMonotonicTime(clock)
        self.assertEqual(clock.seconds(), 0.0)


class CancelTests(SynchronousTestCase):
    """L{cancel}."""

    def test_all(self) -> None:
        """Those that run are stopped; what is none, has fired or was stopped before does no harm."""
        clock, fired = Clock(), list[str]()
        timers = [clock.callLater(delay, fired.append, name) for delay, name in ((1, "early"), (3, "late"), (3, "too"))]
        clock.advance(2)
        timers[2].cancel()
        cancel(None, *timers)
        cancel()
        clock.advance(9)
        self.assertEqual((fired, clock.getDelayedCalls()), (["early"], []))


class ClocksTests(SynchronousTestCase):
    """Who goes by the clock on the wall."""

    @slow
    def test_wall(self) -> None:
        """Only what is dated or read by people does."""
        for name, source in modules():
            if name not in BY_THE_WALL | NAMED:
                self.assertEqual(calledByTheWall(source), set(), name)

    def test_finds(self) -> None:
        """However it is written, it is found."""
        for text in (
            "import time\nx = time.time()",
            "from time import time",
            "import datetime\ndatetime.datetime.now()",
            "from datetime import datetime",
            "from twisted.python.runtime import seconds",
            "import time\ntime.clock_gettime(time.CLOCK_REALTIME)",
        ):
            self.assertNotEqual(calledByTheWall(read(text)), set(), text)
        self.assertEqual(calledByTheWall(read("import time\ntime.monotonic()\nclock.seconds()")), set())
