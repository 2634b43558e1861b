"""
Tests of L{ichatgw.runtime.stalls}.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.stalls import BEAT, LONG, MINUTE, Stalls, watching


class StallsTests(SynchronousTestCase):
    """L{Stalls}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.stalls = Stalls(self.clock)
        self.lines: list[str] = []
        observer = cast(ILogObserver, self.note)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.stalls.startService()

    def note(self, event: LogEvent) -> None:
        """A line of the log."""
        self.lines.append(formatEvent(event))

    def take(self) -> list[str]:
        """The lines since this was last asked."""
        lines, self.lines = self.lines, []
        return lines

    def pass_(self, seconds: float) -> None:
        """Time passes, and no beat is late."""
        self.clock.pump([BEAT] * (round(seconds / BEAT) + 1))

    def test_short(self) -> None:
        """Short jobs are no matter for the log, but the longest is known."""
        self.stalls.took(LONG / 2, "a message")
        self.pass_(MINUTE)
        self.assertEqual((self.stalls.longest, self.stalls.count, self.take()), (LONG / 2, 0, []))

    def test_long(self) -> None:
        """The longest of a minute is named, and how many there were; once a minute."""
        self.stalls.took(0.03, "a message")
        self.stalls.took(0.05, "a timer")
        self.assertEqual(self.take(), [])
        self.pass_(MINUTE)
        (line,) = self.take()
        self.assertIn("for 50 ms (a timer), and for over 20 ms 2 times", line)
        self.assertEqual((self.stalls.longest, self.stalls.count, self.stalls.total), (0.05, 2, 2))
        self.pass_(MINUTE)
        self.assertEqual(self.take(), [])
        self.assertEqual((self.stalls.longest, self.stalls.count, self.stalls.total), (0.0, 0, 2))

    def test_late(self) -> None:
        """What no job has taken shows as a late beat."""
        self.clock.advance(BEAT + 0.3)
        self.pass_(MINUTE)
        (line,) = self.take()
        self.assertIn("for 300 ms (outside of jobs", line)

    def test_once(self) -> None:
        """A long job, which makes the beat late, counts once."""
        self.stalls.took(0.3, "a message")
        self.clock.advance(BEAT + 0.3)
        self.pass_(MINUTE)
        self.assertEqual(self.stalls.count, 1)

    def test_stopped(self) -> None:
        """No timer is left."""
        self.stalls.stopService()
        self.stalls.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class WatchingTests(SynchronousTestCase):
    """L{watching}."""

    def test_all(self) -> None:
        """Each watcher is told."""
        told: list[object] = []
        watching(lambda *job: told.append((1, *job)), lambda *job: told.append((2, *job)))(0.5, "x")
        self.assertEqual(told, [(1, 0.5, "x"), (2, 0.5, "x")])
