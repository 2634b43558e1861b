# -*- test-case-name: ichatgw.test.runtime.test_memory -*-
"""Tests for L{ichatgw.runtime.memory}."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogLevel, capturedLogs, formatEvent, globalLogPublisher
from twisted.python import log
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.calls.limits import Limits
from ichatgw.errors import Congested
from ichatgw.model import Party
from ichatgw.runtime.memory import MARGIN, PAUSE, RESERVE, Limit, Memory, limits, usage

MEGABYTE = 1024 * 1024


class MemoryTests(SynchronousTestCase):
    """L{Memory}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(100)
        self.used = 100 * MEGABYTE
        self.gives = True
        self.lines: list[str] = []

    def make(self, *limits: Limit) -> Memory:
        return Memory(self.clock, limits, lambda: (self.used, self.used // 2), self.allocate)

    def allocate(self, octets: int) -> object:
        if not self.gives:
            raise MemoryError
        return object()

    def ask(self, memory: Memory) -> bool:
        """Is there room?  What is said about it is kept."""
        with capturedLogs() as events:
            fine = memory.hasRoom()
        self.lines += [str(formatEvent(event)) for event in events]
        return fine

    def test_unlimited(self) -> None:
        """Where the system sets no limit there is room, whatever is used."""
        memory = self.make()
        self.used = 1 << 40
        self.assertTrue(verifyObject(ILogObserver, memory))
        self.assertTrue(self.ask(memory))
        self.assertEqual(self.lines, [])

    def test_limit(self) -> None:
        """Near a limit there is no room, and again when enough is free; each is said once."""
        memory = self.make(Limit(400 * MEGABYTE, 0))
        self.assertTrue(self.ask(memory))
        self.used = 400 * MEGABYTE - MARGIN + 1
        self.assertFalse(self.ask(memory))
        self.assertFalse(self.ask(memory))
        self.used -= 2
        self.assertTrue(self.ask(memory))
        self.assertEqual(
            self.lines,
            [
                "Memory is short: new calls are refused, those that are up go on",
                "There is memory for new calls again",
            ],
        )

    def test_which(self) -> None:
        """Each limit is for its own number; one whose number is not known limits nothing."""
        self.used = 390 * MEGABYTE
        self.assertTrue(self.ask(self.make(Limit(400 * MEGABYTE, 1), Limit(1, 5))))
        self.assertFalse(self.ask(self.make(Limit(400 * MEGABYTE, 0))))

    def test_failure(self) -> None:
        """When something fails for want of memory no call begins for a while; what was set aside is given back."""
        memory = self.make()
        with capturedLogs() as events:
            memory({"log_failure": Failure(MemoryError()), "log_level": LogLevel.critical})
        self.assertEqual(len(events), 1)
        self.gives = False
        self.assertFalse(self.ask(memory))
        self.clock.advance(PAUSE)
        self.assertFalse(self.ask(memory))  # nothing can be set aside
        self.gives = True
        self.clock.advance(PAUSE)
        self.assertTrue(self.ask(memory))

    def test_failureOfReactor(self) -> None:
        """So it is when reading a socket fails so, which the reactor says in its own way."""
        memory = self.make()
        globalLogPublisher.addObserver(memory)
        self.addCleanup(globalLogPublisher.removeObserver, memory)
        log.err(Failure(MemoryError()), "Unhandled Error")
        self.assertEqual(len(self.flushLoggedErrors(MemoryError)), 1)
        self.assertFalse(self.ask(memory))

    def test_otherEvents(self) -> None:
        """Other failures, and events without one, do not count."""
        memory = self.make()
        memory({"log_failure": Failure(ValueError())})
        memory({"log_level": LogLevel.info})
        self.assertTrue(self.ask(memory))

    def test_calls(self) -> None:
        """A call for which there is no memory is refused as one for which there is no port."""
        room: list[Any] = [False]
        counted = Limits(self.clock)
        counted.hasRoom = lambda: bool(room[0])
        party = Party("sip:a@b", "")
        self.assertRaises(Congested, counted.begin, "1", party)
        room[0] = True
        counted.begin("1", party)

    def test_real(self) -> None:
        """What the system says can be read, and set aside is what is meant to be."""
        self.assertTrue(all(limit.most > 0 for limit in limits()))
        self.assertTrue(all(octets >= 0 for octets in usage()))
        self.assertEqual(len(Memory(self.clock).allocate(RESERVE)), RESERVE)  # type: ignore[arg-type]
