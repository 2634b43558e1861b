# -*- test-case-name: ichatgw.test.runtime.test_watch -*-
"""Tests for L{ichatgw.runtime.watch}."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.watch import INTERVAL, TRIES, Vital, Watch


@define
class Socket:
    """
    Something vital.

    @ivar problems: why it cannot be revived, the next times; empty for coming back to no effect.
    """

    missing: str = ""
    problems: list[str] = field(factory=list)
    revived: int = 0

    def revive(self) -> None:
        self.revived += 1
        if self.problems:
            problem = self.problems.pop(0)
            if problem:
                raise OSError(problem)
            return
        self.missing = ""


class WatchTests(SynchronousTestCase):
    """L{Watch}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.socket = Socket()
        self.other = Socket()
        self.ends: list[str] = []
        vitals: tuple[Vital, ...] = (self.socket, self.other)
        self.watch = Watch(self.clock, vitals, self.ends.append)
        self.watch.startService()

    def run_(self, seconds: float) -> list[str]:
        """Let time pass; what the log said meanwhile."""
        with capturedLogs() as events:
            self.clock.pump([INTERVAL / 5] * round(seconds / INTERVAL * 5))
        return [str(formatEvent(event)) for event in events]

    def test_well(self) -> None:
        """While nothing is missing nothing is done or said."""
        self.assertEqual(self.run_(10), [])
        self.assertEqual((self.socket.revived, self.ends), (0, []))

    def test_alive(self) -> None:
        """Each look is a sign of life."""
        signs: list[int] = []
        self.watch.alive = lambda: signs.append(1)
        self.run_(2)
        self.assertTrue(7 <= len(signs) <= 8, len(signs))

    def test_back(self) -> None:
        """What has gone is there again within a second, and that is said once."""
        self.socket.missing = "the socket was lost"
        self.assertEqual(self.run_(1), ["the socket was lost; it is there again"])
        self.assertEqual((self.socket.revived, self.socket.missing, self.ends), (1, "", []))

    def test_later(self) -> None:
        """One that fails to come back a few times, and comes back, ends nothing; nor does that count later."""
        for _ in range(3):
            self.socket.missing, self.socket.problems = "the socket was lost", ["in use"] * (TRIES - 1)
            self.run_(1.5)
            self.assertEqual((self.socket.missing, self.ends), ("", []))

    def test_lost(self) -> None:
        """If it cannot be had again within a second the process ends, once, with what is missing and why."""
        self.socket.missing, self.socket.problems = "the socket was lost", ["in use"] * 99
        self.run_(1.1)
        self.assertEqual(self.ends, ["the socket was lost, and cannot be had again: in use"])
        self.run_(10)
        self.assertEqual(len(self.ends), 1)

    def test_cannotBeAsked(self) -> None:
        """If one cannot even be asked, the others are looked after, and the process ends."""

        class Broken:
            @property
            def missing(self) -> str:
                raise MemoryError

            def revive(self) -> None: ...

        self.watch.vitals = (Broken(), self.socket)
        self.socket.missing = "the socket was lost"
        self.run_(0.5)
        self.assertEqual((self.socket.missing, self.ends), ("", []))
        self.run_(1)
        self.assertEqual(self.ends, ["Broken cannot be looked after, and cannot be had again: MemoryError"])

    def test_noSign(self) -> None:
        """A sign of life that fails keeps nothing from being looked after."""
        self.watch.alive = lambda: 1 / 0
        self.socket.missing = "the socket was lost"
        self.assertRaises(ZeroDivisionError, self.clock.pump, [INTERVAL / 5] * 6)
        self.assertEqual(self.socket.missing, "")

    def test_noEffect(self) -> None:
        """Whatever says that it has come back has to be there."""
        self.other.missing, self.other.problems = "the link is not tried", [""] * 99
        self.run_(1.1)
        self.assertEqual(self.ends, ["the link is not tried, and does not come back"])

    def test_stopped(self) -> None:
        """What goes when all stops is not looked for."""
        self.watch.stopService()
        self.watch.stopService()
        self.socket.missing = "the socket was lost"
        self.assertEqual(self.run_(5), [])
        self.assertEqual((self.socket.revived, self.clock.getDelayedCalls()), (0, []))
