"""
Tests for L{ichatgw.observe.records.file}.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import ichatgw.observe.records.file as module
from ichatgw.observe.records.file import RETRY, RecordFile, write
from ichatgw.runtime.disk import DirectDisk


class SlowDisk(DirectDisk):
    """Does what it is given when the test says so."""

    def __init__(self) -> None:
        self.given: list[tuple[Callable[[], object], Deferred[Any]]] = []

    def run(self, work: Callable[[], object]) -> Deferred[Any]:
        """See L{ichatgw.runtime.disk.Disk}."""
        told: Deferred[Any] = Deferred()
        self.given.append((work, told))
        return told

    def settle(self) -> None:
        """Do all."""
        while self.given:
            work, told = self.given.pop(0)
            super().run(work).chainDeferred(told)


class RecordFileTests(SynchronousTestCase):
    """Lines that are kept."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.path = os.path.abspath(self.mktemp())

    def make(self, disk: DirectDisk | None = None, head: str = "") -> RecordFile:
        return RecordFile(self.path, disk or DirectDisk(), self.clock, head)

    def lines(self) -> list[str]:
        with open(self.path, encoding="utf-8") as written:
            return written.read().split("\n")[:-1]

    def test_atOnce(self) -> None:
        """A line is written when it comes; none waits for the next."""
        records = self.make()
        for line in ("one", "two"):
            records.append(line)
            self.assertEqual(self.lines()[-1], line)
        self.assertEqual(os.stat(self.path).st_mode & 0o777 & ~0o640, 0)

    def test_slowDisk(self) -> None:
        """While a disk takes its time lines wait, and go out together, in order; the end waits for all."""
        disk = SlowDisk()
        records = self.make(disk)
        for line in ("one", "two", "three"):
            records.append(line)
        self.assertEqual(len(disk.given), 1)
        records.close()
        self.assertEqual(self.lines(), ["one", "two", "three"])

    def test_movedAway(self) -> None:
        """A file that was moved away is written to no more, without any signal; a new one begins with its head."""
        records = self.make(head="a,b")
        records.append("1,2")
        os.rename(self.path, f"{self.path}.1")
        records.append("3,4")
        self.assertEqual(self.lines(), ["a,b", "3,4"])
        records.append("5,6")
        self.assertEqual(self.lines(), ["a,b", "3,4", "5,6"])

    def test_brokenLine(self) -> None:
        """A line that somebody was killed at is not continued."""
        with open(self.path, "w", encoding="utf-8") as written:
            written.write('{"call":"x","arr')
        self.make().append("whole")
        self.assertEqual(self.lines()[-1], "whole")

    def test_cannotBeWritten(self) -> None:
        """What cannot be written waits until it can; the log says so once, and when it is over."""
        os.mkdir(self.path)
        records = self.make()
        for line in ("one", "two"):
            records.append(line)
            self.clock.advance(RETRY)
        os.rmdir(self.path)
        self.clock.advance(RETRY)
        self.assertEqual(self.lines(), ["one", "two"])
        records.append("three")
        self.assertEqual(self.lines()[-1], "three")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bounded(self) -> None:
        """If that lasts too long the oldest are lost, and counted."""
        self.patch(module, "MAX_WAITING", 10)
        os.mkdir(self.path)
        records = self.make()
        for number in range(25):
            records.append(str(number))
        self.assertEqual(records.lost, 15)
        os.rmdir(self.path)
        self.clock.advance(RETRY)
        self.assertEqual(self.lines(), [str(number) for number in range(15, 25)])

    def test_noRoom(self) -> None:
        """A full disk leaves the file as it was: no line is there in part, none twice."""
        write(self.path, ["before"])
        writes = [3]
        real = os.write
        self.patch(os, "write", lambda fd, data: real(fd, data[: writes.pop()]) if writes else real(fd, data))
        self.assertRaises(OSError, write, self.path, ["a long line"])
        self.assertEqual(self.lines(), ["before"])
        write(self.path, ["a long line"])
        self.assertEqual(self.lines(), ["before", "a long line"])
