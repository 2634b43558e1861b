# -*- test-case-name: ichatgw.test.xmpp.presence.test_sqlitestore -*-
"""
Subscriptions on the disk.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from zope.interface.verify import verifyObject

from ichatgw.errors import ConfigError
from ichatgw.runtime.disk import DirectDisk, Disk
from ichatgw.runtime.turns import SWEEP_INTERVAL, SWEEP_ITEMS, SWEEP_SECONDS, Turns
from ichatgw.test.marks import slow
from ichatgw.test.runtime.test_turns import ABOVE, WorkingClock
from ichatgw.xmpp.presence.sqlitestore import _SCHEMA, LEGACY, SQLiteStore
from ichatgw.xmpp.presence.store import ISubscriptionStore
from ichatgw.xmpp.stanzas import parseJID

SCOTT, ANNA = parseJID("scott@chat.example"), parseJID("anna@chat.example")
CONTROL, NUMBER = parseJID("control@gw.chat.example"), parseJID("72*1@gw.chat.example")


class FullDisk:
    """A connection whose disk is full."""

    in_transaction = False

    def execute(self, *arguments: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def cursor(self) -> FullDisk:
        return self

    def close(self) -> None:
        """As a cursor does."""


class SlowDisk:
    """A disk that does a thing when it is told to."""

    def __init__(self) -> None:
        self.given: list[tuple[Callable[[], object], Deferred[Any]]] = []

    def run(self, work: Callable[[], object]) -> Deferred[Any]:
        """Later."""
        done: Deferred[Any] = Deferred()
        self.given.append((work, done))
        return done

    def turn(self) -> None:
        """It does the first."""
        work, done = self.given.pop(0)
        done.callback(work())

    def settle(self) -> None:
        """It does all."""
        while self.given:
            self.turn()


class SQLiteStoreTests(SynchronousTestCase):
    """L{SQLiteStore}."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "subscriptions.sqlite"
        self.clock = Clock()
        self.disk: Disk = DirectDisk()

    def open(self) -> SQLiteStore:
        store = SQLiteStore(Turns(self.clock), str(self.path), lambda user: user.host != "eve.example", self.disk)
        store.startService()
        self.addCleanup(store.stopService)
        return store

    def commits(self, store: SQLiteStore, seconds: float = 0) -> list[float]:
        """
        When transactions are committed from now on.

        @param seconds: how long each takes.
        """
        times = []

        def executed(statement: str) -> None:
            if statement == "COMMIT":
                times.append(self.clock.seconds())
                self.clock.rightNow += seconds

        assert store._database is not None
        store._database.set_trace_callback(executed)
        return times

    def again(self) -> dict[str, list[str]]:
        """What another process would find."""
        store = self.open()
        try:
            return {user.full(): [ours.full() for ours in store.gatewayJIDs(user)] for user in store.users()}
        finally:
            store.stopService()

    def rows(self) -> int:
        """How many pairs are in the file."""
        with closing(sqlite3.connect(self.path)) as database:
            return int(database.execute("SELECT count(*) FROM subscription").fetchone()[0])

    def test_interface(self) -> None:
        """It is a store."""
        verifyObject(ISubscriptionStore, self.open())

    def test_remembered(self) -> None:
        """What was added and not removed is there once it is said to be, without an orderly stop too."""
        store = self.open()
        for user, ours in ((SCOTT, CONTROL), (SCOTT, NUMBER), (ANNA, CONTROL)):
            self.assertTrue(store.add(user, ours))
            self.assertTrue(store.add(user, ours))
        self.clock.advance(0)
        store.remove(ANNA, CONTROL)
        store.remove(ANNA, CONTROL)
        written = store.written()
        self.assertNoResult(written)
        self.clock.advance(0)
        self.successResultOf(written)
        self.assertEqual((store.knows(SCOTT), store.knows(ANNA)), (True, False))
        self.assertEqual(self.again(), {"scott@chat.example": ["72*1@gw.chat.example", "control@gw.chat.example"]})

    def test_together(self) -> None:
        """All changes of one turn share a commit, which comes in the next turn, before anybody is told."""
        store = self.open()
        commits = self.commits(store)
        told: list[tuple[JID, JID]] = []
        pairs = [(SCOTT, CONTROL), (SCOTT, NUMBER), (ANNA, CONTROL)]
        for pair in pairs:
            store.add(*pair)
            store.written().addCallback(partial(lambda pair, _: told.append(pair), pair))
        self.assertEqual((commits, told), ([], []))
        self.clock.advance(0)
        self.assertEqual((commits, told), ([0.0], pairs))
        self.assertEqual(len(self.again()), 2)
        self.successResultOf(store.written())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_writtenFirst(self) -> None:
        """When somebody is told, another process would find the change."""
        store = self.open()
        store.add(SCOTT, CONTROL)
        found = store.written().addCallback(lambda _: self.again())
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(found), {"scott@chat.example": ["control@gw.chat.example"]})

    def test_manyAreTold(self) -> None:
        """Many are told in their order, a part of them in one turn; who asks meanwhile, or at the stop, comes after."""
        told: list[int] = []

        def ask(number: int) -> None:
            store.written().addCallback(lambda _: told.append(number))

        def work(_: object) -> None:
            clock.work(SWEEP_SECONDS / 4 * ABOVE)

        clock = WorkingClock()
        store = SQLiteStore(Turns(clock), str(self.path), lambda user: True, self.disk)
        store.startService()
        store.add(SCOTT, CONTROL)
        for number in range(10):
            store.written().addCallback(work)
            ask(number)
        clock.advance(0)
        first = len(told)
        self.assertLess(first, 6)
        ask(10)
        clock.advance(0)
        self.assertLess(len(told), 2 * first + 2)
        store.stopService()
        self.assertEqual(told, list(range(11)))
        ask(11)
        self.assertEqual(told[-1], 11)

    def test_nothingToWrite(self) -> None:
        """What changes nothing is written already; and what has gone again by then costs no commit."""
        store = self.open()
        store.add(SCOTT, CONTROL)
        self.clock.advance(0)
        commits = self.commits(store)
        store.add(SCOTT, CONTROL)
        store.remove(ANNA, CONTROL)
        self.successResultOf(store.written())
        store.add(ANNA, CONTROL)
        store.remove(SCOTT, CONTROL)
        store.remove(ANNA, CONTROL)
        store.add(SCOTT, CONTROL)
        written = store.written()
        self.assertNoResult(written)
        self.clock.advance(0)
        self.successResultOf(written)
        self.assertEqual(commits, [])
        self.assertEqual(self.again(), {"scott@chat.example": ["control@gw.chat.example"]})

    def test_oneChangesHisMind(self) -> None:
        """However often pairs come and go before a commit, no more is kept for it than the store has room for."""
        store = self.open()
        store._memory.maxUsers = 2
        for number in range(100):
            store.add(parseJID(f"user{number}@chat.example"), CONTROL)
            store.remove(parseJID(f"user{number}@chat.example"), CONTROL)
        self.assertEqual(store._changes, {})
        store.add(SCOTT, CONTROL)
        self.clock.advance(0)
        for _ in range(3):
            store.remove(SCOTT, CONTROL)
            store.add(SCOTT, NUMBER)
            store.remove(SCOTT, NUMBER)
            store.add(SCOTT, CONTROL)
        store.remove(SCOTT, CONTROL)
        self.assertEqual(store._changes, {(SCOTT, CONTROL): False})
        self.clock.advance(0)
        self.assertEqual(self.again(), {})

    def test_slowDisk(self) -> None:
        """What comes while a commit is made shares the next one; answers keep their order."""
        disk = self.disk = SlowDisk()
        store = self.open()
        told: list[str] = []

        def ask(name: str) -> None:
            store.written().addCallback(lambda _: told.append(name))

        store.add(SCOTT, CONTROL)
        ask("first")
        self.clock.advance(0)
        ask("refused")
        store.add(ANNA, CONTROL)
        ask("second")
        store.add(ANNA, NUMBER)
        ask("third")
        self.clock.advance(1)
        self.assertEqual((len(disk.given), told), (1, []))
        disk.turn()
        self.assertEqual(told, ["first", "refused"])
        self.clock.advance(0)
        self.assertEqual(len(disk.given), 1)
        disk.turn()
        self.assertEqual(told, ["first", "refused", "second", "third"])
        self.disk = DirectDisk()
        self.assertEqual(len(self.again()), 2)

    def test_stopWithASlowDisk(self) -> None:
        """At the stop what is being written is waited for, and then what has come meanwhile."""
        disk = self.disk = SlowDisk()
        store = self.open()
        store.add(SCOTT, CONTROL)
        first = store.written()
        self.clock.advance(0)
        store.add(ANNA, CONTROL)
        second = store.written()
        store.stopService()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual((disk.given, self.clock.getDelayedCalls()), ([], []))
        self.disk = DirectDisk()
        self.assertEqual(len(self.again()), 2)

    def test_stop(self) -> None:
        """At the stop all is written and all are told; what comes later is not waited for."""
        store = self.open()
        store.add(SCOTT, CONTROL)
        written = store.written()
        store.stopService()
        self.successResultOf(written)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(list(self.again()), ["scott@chat.example"])
        store.add(ANNA, CONTROL)
        self.successResultOf(store.written())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_private(self) -> None:
        """The file is nobody else's business."""
        self.open()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode) & 0o077, 0)

    def test_room(self) -> None:
        """What there is no room for is not written."""
        store = self.open()
        store._memory.maxPerUser = 1
        self.assertTrue(store.add(SCOTT, CONTROL))
        self.assertFalse(store.add(SCOTT, NUMBER))
        self.clock.advance(0)
        self.assertEqual(self.again(), {"scott@chat.example": ["control@gw.chat.example"]})

    def test_import(self) -> None:
        """The older program's file is taken over, once; blank lines, CRLF and nonsense do no harm."""
        legacy = self.folder / LEGACY
        legacy.write_bytes(
            b"v1\r\n\tlost@gw.chat.example\r\nscott@chat.example\r\n\tcontrol@gw.chat.example\r\n\r\n"
            b"\t72*1@gw.chat.example\r\nanna@chat.example\n\tcontrol@gw.chat.example\n\t@@\n"
        )
        expected = {
            "anna@chat.example": ["control@gw.chat.example"],
            "scott@chat.example": ["72*1@gw.chat.example", "control@gw.chat.example"],
        }
        self.open().stopService()
        self.assertEqual(self.again(), expected)
        legacy.write_text("v1\ntim@chat.example\n\tcontrol@gw.chat.example\n")
        self.assertEqual(self.again(), expected)

    def test_importCutShort(self) -> None:
        """A gateway that was killed when it had made its file, and not yet read the older one's, reads that now."""
        (self.folder / LEGACY).write_text("v1\nscott@chat.example\n\tcontrol@gw.chat.example\n")
        with sqlite3.connect(self.path) as database:
            database.execute(_SCHEMA)
        database.close()
        self.assertEqual(self.again(), {"scott@chat.example": ["control@gw.chat.example"]})

    def test_importedOnce(self) -> None:
        """Who has left since is not brought back, even if nobody is left."""
        (self.folder / LEGACY).write_text("v1\nscott@chat.example\n\tcontrol@gw.chat.example\n")
        store = self.open()
        store.remove(SCOTT, CONTROL)
        self.clock.advance(0)
        self.assertEqual(self.again(), {})

    @slow
    def test_importWithoutRoom(self) -> None:
        """What cannot be taken is said; 5000 users with four contacts each can."""
        users = "".join(
            f"u{user}@chat.example\n" + "".join(f"\t{number}@gw.chat.example\n" for number in range(5))
            for user in range(5000)
        )
        (self.folder / LEGACY).write_text("v1\n" + users)
        with capturedLogs() as events:
            store = self.open()
        self.assertEqual([e["log_level"] for e in events], [LogLevel.info])
        self.assertEqual(sum(len(store.gatewayJIDs(user)) for user in store.users()), 25_000)
        self.path = self.folder / "other.sqlite"
        (self.folder / LEGACY).write_text(
            "v1\nscott@chat.example\n" + "".join(f"\t{n}@gw.chat.example\n" for n in range(201))
        )
        with capturedLogs() as events:
            self.open()
        self.assertEqual([e["log_level"] for e in events], [LogLevel.error, LogLevel.info])
        self.assertIn("1 subscriptions in", formatEvent(events[0]))

    def test_importOfAnotherKind(self) -> None:
        """A file of another version is not taken over, and said so."""
        (self.folder / LEGACY).write_text("v2\nscott@chat.example\n\tcontrol@gw.chat.example\n")
        with capturedLogs() as events:
            self.assertEqual(self.again(), {})
        self.assertIn("not imported", formatEvent(events[0]))

    def test_damaged(self) -> None:
        """A damaged file is put aside, loudly, and an empty one takes its place."""
        self.path.write_bytes(b"this is no database at all" * 100)
        (self.folder / LEGACY).write_text("v1\nanna@chat.example\n\tcontrol@gw.chat.example\n")
        with capturedLogs() as events:
            store = self.open()
        self.assertEqual([e["log_level"] for e in events], [LogLevel.critical])
        self.assertTrue(Path(f"{self.path}.damaged").exists())
        store.add(SCOTT, CONTROL)
        self.clock.advance(0)
        self.assertEqual(self.again(), {"scott@chat.example": ["control@gw.chat.example"]})

    def test_nonsenseInside(self) -> None:
        """A row that is no pair of addresses is left out."""
        self.open().stopService()
        with sqlite3.connect(self.path) as database:
            database.execute(
                "INSERT INTO subscription VALUES ('@', 'x'), ('scott@chat.example', 'control@gw.chat.example')"
            )
        database.close()
        self.assertEqual(self.again(), {"scott@chat.example": ["control@gw.chat.example"]})

    def test_strangers(self) -> None:
        """
        Users who may not call are not taken out of the file, and removed from it after the start, some at a time, which
        is said in one line with how many there were.
        """
        strangers = [(f"e{number}@eve.example", f"{number % 7}@gw.chat.example") for number in range(3 * SWEEP_ITEMS)]
        self.open().stopService()
        with sqlite3.connect(self.path) as database:
            database.executemany(
                "INSERT INTO subscription VALUES (?, ?)",
                [*strangers, ("e0@eve.example", "9@gw.chat.example"), (SCOTT.full(), CONTROL.full())],
            )
        database.close()
        with capturedLogs() as events:
            store = self.open()
        self.assertEqual(
            [formatEvent(event) for event in events],
            [
                f"{3 * SWEEP_ITEMS + 1} subscriptions of {3 * SWEEP_ITEMS} users who may not call are dropped from"
                f" {self.path}: not among AllowedXMPPDomains"
            ],
        )
        self.assertEqual(store.users(), (SCOTT,))
        self.assertEqual(self.rows(), 3 * SWEEP_ITEMS + 2)
        self.clock.advance(0)
        self.assertEqual(self.rows(), 2 * SWEEP_ITEMS + 2)
        self.clock.pump([SWEEP_INTERVAL] * 8)
        self.assertEqual((self.rows(), self.clock.getDelayedCalls()), (1, []))
        with capturedLogs() as events:
            self.assertEqual(self.again(), {"scott@chat.example": ["control@gw.chat.example"]})
        self.assertEqual(events, [])

    def test_strangersMeanwhile(self) -> None:
        """The stop ends the removal, which goes on at the next start; who may call by then stays."""
        self.open().stopService()
        with sqlite3.connect(self.path) as database:
            database.executemany(
                "INSERT INTO subscription VALUES (?, ?)",
                [(f"e{number:04}@eve.example", "9@gw.chat.example") for number in range(3 * SWEEP_ITEMS)],
            )
        database.close()
        store = self.open()
        last = parseJID(f"e{3 * SWEEP_ITEMS - 1:04}@eve.example")
        store.add(last, parseJID("9@gw.chat.example"))
        self.clock.pump([SWEEP_INTERVAL] * 8)
        self.assertEqual(self.rows(), 1)
        store.stopService()
        store = self.open()
        store.stopService()
        self.assertEqual((self.rows(), self.clock.getDelayedCalls()), (0, []))

    def test_strangersOfTheOlderProgram(self) -> None:
        """They are not imported either."""
        (self.folder / LEGACY).write_text("v1\ne@eve.example\n\t9@gw\nscott@chat.example\n\tcontrol@gw.chat.example\n")
        with capturedLogs() as events:
            store = self.open()
        self.assertEqual(store.users(), (SCOTT,))
        self.assertEqual([formatEvent(event)[:15] for event in events], ["1 subscriptions", "1 subscriptions"])

    def test_nowhere(self) -> None:
        """A file that cannot be made stops the start, and the setting is named."""
        self.path = self.folder / "none" / "x.sqlite"
        problem = self.assertRaises(ConfigError, self.open)
        self.assertIn(f"(SubscriptionDatabase): there is no directory {self.folder}/none", str(problem))

    def test_directory(self) -> None:
        """So does one that is a directory."""
        (self.folder / "x.sqlite").mkdir()
        self.path = self.folder / "x.sqlite"
        problem = self.assertRaises(ConfigError, self.open)
        self.assertIn("(SubscriptionDatabase): it is a directory, and has to be a file", str(problem))

    def test_lockedAtStart(self) -> None:
        """And one that another program has locked, such as a second gateway."""
        self.open().stopService()
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("BEGIN EXCLUSIVE")
            problem = self.assertRaises(ConfigError, self.open)
        self.assertIn("another program has locked it; two gateways need a file each", str(problem))

    def test_diskFull(self) -> None:
        """
        While the disk is full subscriptions live in memory, with one line a minute, and are acknowledged; then all are
        written.
        """
        store = self.open()
        store.add(SCOTT, CONTROL)
        self.clock.advance(0)
        real, store._database = store._database, FullDisk()  # type: ignore[assignment]
        with capturedLogs() as events:
            self.assertTrue(store.add(SCOTT, NUMBER))
            self.clock.advance(0)
            self.assertTrue(store.add(ANNA, CONTROL))
            store.remove(SCOTT, CONTROL)
            written = store.written()
            self.clock.advance(0)
        self.successResultOf(written)
        self.assertEqual([e["log_level"] for e in events], [LogLevel.error])
        self.assertTrue(store.knows(ANNA))
        self.assertEqual(store._changes, {})
        store._database = real
        store.add(ANNA, NUMBER)
        self.clock.advance(0)
        self.assertEqual(
            self.again(),
            {
                "anna@chat.example": ["72*1@gw.chat.example", "control@gw.chat.example"],
                "scott@chat.example": ["72*1@gw.chat.example"],
            },
        )

    def test_writtenAtTheEnd(self) -> None:
        """What could not be written before is written when the service stops, if that is possible then."""
        store = self.open()
        real, store._database = store._database, FullDisk()  # type: ignore[assignment]
        store.add(SCOTT, CONTROL)
        self.clock.advance(0)
        store._database = real
        store.stopService()
        self.assertEqual(self.again(), {"scott@chat.example": ["control@gw.chat.example"]})
        store.add(SCOTT, NUMBER)

    def test_locked(self) -> None:
        """A file that somebody else writes to is such a case."""
        store = self.open()
        with sqlite3.connect(self.path, isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            for user in (SCOTT, ANNA):
                self.assertTrue(store.add(user, CONTROL))
                written = store.written()
                self.clock.advance(0)
                self.successResultOf(written)
            other.execute("ROLLBACK")
        other.close()
        self.assertTrue(store.add(ANNA, NUMBER))
        self.clock.advance(0)
        self.assertEqual(sorted(self.again()), ["anna@chat.example", "scott@chat.example"])
