# -*- test-case-name: ichatgw.test.users.test_sqlite -*-
"""
Preferences on the disk.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.runtime.disk import DirectDisk, Disk
from ichatgw.users import sqlite as module
from ichatgw.users.preferences import NONE_CHOSEN, Forwarding, IPreferences, Preferences, When
from ichatgw.users.sqlite import BATCH, RETRY, SQLitePreferences, read, written

SCOTT, ANNA = "scott@chat.example", "anna@chat.example"
CHOSEN = Preferences((Forwarding(When.NO_ANSWER, "voicemail", 30), Forwarding(When.BUSY, "+49301234")), True)
BUSY = Preferences(doNotDisturb=True)


class FailingDisk:
    """A disk that does nothing as long as it is full, and counts what it is asked for."""

    def __init__(self) -> None:
        self.isFull = True
        self.asked = 0

    def run(self, work: Callable[[], object]) -> Deferred[Any]:
        self.asked += 1
        if not self.isFull:
            return DirectDisk().run(work)
        done: Deferred[Any] = Deferred()
        done.errback(sqlite3.OperationalError("database or disk is full"))
        return done

    def settle(self) -> None:
        """There is nothing to wait for."""


class SQLitePreferencesTests(SynchronousTestCase):
    """L{SQLitePreferences}."""

    def setUp(self) -> None:
        self.path = self.mktemp() + ".sqlite"
        self.clock = Clock()

    def open(self, disk: Disk | None = None) -> SQLitePreferences:
        store = SQLitePreferences(self.clock, self.path, disk or DirectDisk())
        store.startService()
        return store

    def rows(self) -> dict[str, str]:
        with closing(sqlite3.connect(self.path)) as database:
            return dict(database.execute("SELECT user, chosen FROM preferences").fetchall())

    def test_interface(self) -> None:
        """It is a store of preferences."""
        verifyObject(IPreferences, self.open())

    def test_remembered(self) -> None:
        """What was chosen is known to the next process, and what was taken back is not."""
        store = self.open()
        self.assertTrue(store.set(SCOTT, CHOSEN))
        self.assertTrue(store.set(ANNA, BUSY))
        self.clock.advance(0)
        store.set(ANNA, NONE_CHOSEN)
        store.stopService()
        again = self.open()
        self.assertEqual((again.of(SCOTT), again.of(ANNA)), (CHOSEN, NONE_CHOSEN))
        self.assertEqual(list(self.rows()), [SCOTT])

    def test_inTheNextTurn(self) -> None:
        """A choice counts at once; the disk is asked in the next turn, and once for many."""
        disk = FailingDisk()
        disk.isFull = False
        store = self.open(disk)
        for number in range(BATCH):
            store.set(f"u{number}@chat.example", BUSY)
        self.assertEqual((disk.asked, store.of("u7@chat.example")), (0, BUSY))
        self.clock.advance(0)
        self.assertEqual((disk.asked, len(self.rows())), (1, BATCH))

    def test_batches(self) -> None:
        """Very many are written by several commits, none of which is long."""
        disk = FailingDisk()
        disk.isFull = False
        store = self.open(disk)
        for number in range(BATCH + 1):
            store.set(f"u{number}@chat.example", BUSY)
        self.clock.pump([0, 0])
        self.assertEqual((disk.asked, len(self.rows())), (2, BATCH + 1))

    def test_sameAgain(self) -> None:
        """Who chooses what they have chosen gives the disk nothing to do."""
        disk = FailingDisk()
        store = self.open(disk)
        store.set(SCOTT, NONE_CHOSEN)
        self.clock.advance(0)
        self.assertEqual((disk.asked, self.clock.getDelayedCalls()), (0, []))

    def test_fullDisk(self) -> None:
        """What cannot be written counts all the same, is tried again, and is written as it is by then."""
        disk = FailingDisk()
        store = self.open(disk)
        store.set(SCOTT, BUSY)
        with capturedLogs() as events:
            self.clock.advance(0)
        self.assertEqual([event["log_level"] for event in events], [LogLevel.error])
        self.assertIn("disk is full", formatEvent(events[0]))
        self.assertEqual(store.of(SCOTT), BUSY)
        store.set(SCOTT, CHOSEN)
        disk.isFull = False
        self.clock.advance(RETRY)
        self.assertEqual(self.rows(), {SCOTT: written(CHOSEN)})

    def test_stopWithAFullDisk(self) -> None:
        """A disk that takes nothing keeps nobody from stopping."""
        store = self.open(FailingDisk())
        store.set(SCOTT, BUSY)
        with capturedLogs():
            store.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopWritesAll(self) -> None:
        """All that was chosen is in the file after a stop in good order."""
        store = self.open()
        for number in range(2 * BATCH + 1):
            store.set(f"u{number}@chat.example", BUSY)
        store.stopService()
        self.assertEqual(len(self.rows()), 2 * BATCH + 1)

    def test_nonsenseInside(self) -> None:
        """A row that cannot be understood is said and left as it is; the others count."""
        store = self.open()
        store.set(SCOTT, CHOSEN)
        store.stopService()
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute("INSERT INTO preferences VALUES ('x@chat.example', 'nonsense')")
        again = self.open()
        with capturedLogs() as events:
            self.assertEqual((again.of(SCOTT), again.of("x@chat.example")), (CHOSEN, NONE_CHOSEN))
        self.assertIn("'x@chat.example' in", formatEvent(events[0]))
        self.assertEqual(len(self.rows()), 2)
        self.assertTrue(again.set("x@chat.example", BUSY))
        self.clock.advance(0)
        self.assertEqual(self.rows()["x@chat.example"], written(BUSY))

    def test_unreadCount(self) -> None:
        """Users of the file count, whether they have been asked for or not; those who are known choose anew."""
        self.patch(module, "MAX_USERS", 2)
        store = self.open()
        self.assertTrue(store.set(SCOTT, BUSY))
        self.assertTrue(store.set(ANNA, BUSY))
        store.stopService()
        again = self.open()
        self.assertFalse(again.set("x@chat.example", BUSY))
        self.assertTrue(again.set(SCOTT, CHOSEN))
        self.assertTrue(again.set(ANNA, NONE_CHOSEN))
        self.assertTrue(again.set("x@chat.example", BUSY))

    def test_noFile(self) -> None:
        """Without a file that can be used choices are kept in memory, and the log says so."""
        self.path = os.path.join(self.mktemp(), "nowhere", "x.sqlite")
        with capturedLogs() as events:
            store = self.open()
        self.assertIn("in memory only", formatEvent(events[0]))
        self.assertTrue(store.set(SCOTT, BUSY))
        self.assertEqual((store.of(SCOTT), self.clock.getDelayedCalls()), (BUSY, []))
        store.stopService()


class TextTests(SynchronousTestCase):
    """L{read} and L{written}."""

    def test_roundTrip(self) -> None:
        """What is written is read."""
        for each in (CHOSEN, BUSY, Preferences((Forwarding(When.ALWAYS, "72@gw.chat.example"),))):
            self.assertEqual(read(written(each)), each)
        self.assertEqual(written(NONE_CHOSEN), "")

    def test_others(self) -> None:
        """Whatever else stands there is a C{ValueError}."""
        for text in (
            "",
            "[]",
            "{}",
            '{"forward": 1, "dnd": 0}',
            '{"forward": [[]], "dnd": 0}',
            '{"forward": [["always", "72", null]], "dnd": 0}',
            '{"forward": [["always", "72", 1e999]], "dnd": 0}',
            '{"forward": [["sometimes", "72", 9]], "dnd": 0}',
            '{"forward": [["always", "sip:x", 9]], "dnd": 0}',
            '{"forward": [["always", "72", 0]], "dnd": 0}',
            "[" * 100_000,
        ):
            self.assertRaises(ValueError, read, text)
