"""
Tests of L{ichatgw.runtime.disk}.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.disk import DirectDisk, DiskThread, opened, transaction


class Main:
    """The reactor, as far as it matters here: what other threads ask of it is done when it is its turn."""

    def __init__(self) -> None:
        self._asked: list[Callable[[], None]] = []
        self._some = threading.Condition()

    def callFromThread(self, call: Callable[..., None], *args: object) -> None:
        """In another thread."""
        with self._some:
            self._asked.append(lambda: call(*args))
            self._some.notify()

    def turn(self) -> None:
        """Wait for one thing, and do it."""
        with self._some:
            self._some.wait_for(lambda: self._asked, 10)
            asked = self._asked.pop(0)
        asked()


class DiskThreadTests(SynchronousTestCase):
    """L{DiskThread}."""

    def setUp(self) -> None:
        self.main = Main()
        main: Any = self.main
        self.disk = DiskThread(main)
        self.addCleanup(self.disk.close)

    def test_elsewhere(self) -> None:
        """Work is done in another thread, and what comes of it is told in ours."""
        threads: list[int] = []

        def tell(ident: int) -> None:
            threads.extend((ident, threading.get_ident()))

        told = self.disk.run(threading.get_ident).addCallback(tell)
        self.assertNoResult(told)
        self.main.turn()
        worker, here = threads
        self.assertEqual(here, threading.get_ident())
        self.assertNotEqual(worker, here)

    def test_order(self) -> None:
        """One thing is done after the other."""
        done: list[int] = []
        for number in range(20):
            self.disk.run(partial(done.append, number))
        self.disk.settle()
        self.assertEqual(done, list(range(20)))

    def test_failure(self) -> None:
        """What work raises is told."""
        told = self.disk.run(lambda: 1 / 0)
        self.main.turn()
        self.failureResultOf(told, ZeroDivisionError)

    def test_settled(self) -> None:
        """What was waited for is told once."""
        told = self.disk.run(lambda: 7)
        self.disk.settle()
        self.assertEqual(self.successResultOf(told), 7)
        self.main.turn()

    def test_blocked(self) -> None:
        """While work hangs, others are not kept: more can be given."""
        hang = threading.Event()
        first, second = self.disk.run(hang.wait), self.disk.run(lambda: 2)
        self.assertNoResult(second)
        hang.set()
        self.disk.settle()
        self.assertEqual((self.successResultOf(first), self.successResultOf(second)), (True, 2))


class DirectDiskTests(SynchronousTestCase):
    """L{DirectDisk}."""

    def test_atOnce(self) -> None:
        """It does what it is given, and tells what it raises."""
        disk = DirectDisk()
        self.assertEqual(self.successResultOf(disk.run(lambda: 7)), 7)
        self.failureResultOf(disk.run(lambda: 1 / 0), ZeroDivisionError)
        disk.settle()


class FileTests(SynchronousTestCase):
    """L{opened} and L{transaction}."""

    def setUp(self) -> None:
        self.path = f"{self.mktemp()}.sqlite"
        self.database = opened(self.path)
        self.addCleanup(self.database.close)
        self.database.execute("CREATE TABLE kept (what TEXT)")

    def kept(self) -> list[str]:
        return [what for (what,) in self.database.execute("SELECT what FROM kept")]

    def test_private(self) -> None:
        """Only our user may read what we write."""
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_elsewhere(self) -> None:
        """It is used in another thread than the one that has made it."""
        found: list[list[str]] = []
        thread = threading.Thread(target=lambda: found.append(self.kept()))
        thread.start()
        thread.join(10)
        self.assertEqual(found, [[]])

    def test_together(self) -> None:
        """What a transaction has written is there after it, all of it."""
        with transaction(self.database) as cursor:
            cursor.executemany("INSERT INTO kept VALUES (?)", [("one",), ("two",)])
        self.assertEqual(self.kept(), ["one", "two"])

    def test_failing(self) -> None:
        """Of one that fails nothing is there, and the next one can begin."""
        with self.assertRaises(sqlite3.Error), transaction(self.database) as cursor:
            cursor.execute("INSERT INTO kept VALUES ('one')")
            cursor.execute("INSERT INTO nowhere VALUES (1)")
        with transaction(self.database) as cursor:
            cursor.execute("INSERT INTO kept VALUES ('three')")
        self.assertEqual(self.kept(), ["three"])
