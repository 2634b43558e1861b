# -*- test-case-name: ichatgw.test.calls.test_journal -*-
"""Tests for L{ichatgw.calls.journal} and L{ichatgw.calls.recovery}: calls outlive the process as words of farewell."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.journal import ANSWER_TIMEOUT, BATCH, PAUSE, RETRY, Journal, Left
from ichatgw.calls.recovery import Epilogue
from ichatgw.model import Farewell
from ichatgw.runtime.disk import DirectDisk
from ichatgw.runtime.turns import SWEEP_INTERVAL, Turns

HELLO: Farewell = ("sip-bye", "udp", "192.0.2.7")
AGAIN: Farewell = ("jingle-terminate", "a@b/c", "d@e/f", "s1")


class SlowDisk:
    """A disk that does nothing before the test lets it."""

    def __init__(self) -> None:
        self._given: list[tuple[Callable[[], object], Deferred[Any]]] = []

    def run(self, work: Callable[[], object]) -> Deferred[Any]:
        """See L{ichatgw.runtime.disk.Disk}."""
        done: Deferred[Any] = Deferred()
        self._given.append((work, done))
        return done

    def settle(self) -> None:
        """See L{ichatgw.runtime.disk.Disk}."""
        self.finish(None)

    def finish(self, problem: Exception | None) -> None:
        """All that was given is done, or fails."""
        given, self._given = self._given, []
        for work, done in given:
            if problem is None:
                done.callback(work())
            else:
                done.errback(problem)


class JournalCase(SynchronousTestCase):
    """A journal in a file of its own."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = str(folder / "calls.sqlite")
        self.clock = Clock()
        self.journal = self.open()

    def open(self) -> Journal:
        journal = Journal(self.clock, self.path, DirectDisk())
        journal.startService()
        self.addCleanup(journal.stopService)
        return journal

    def onDisk(self) -> dict[str, str]:
        with closing(sqlite3.connect(self.path)) as database:
            return dict(database.execute("SELECT name, farewells FROM call").fetchall())


class JournalTests(JournalCase):
    """L{Journal}."""

    def test_lives(self) -> None:
        """A call that has lived for a moment is on the disk, with the words of both legs; one that is over is not."""
        self.journal.changed("a-1", lambda: (HELLO, AGAIN))
        self.assertEqual(self.onDisk(), {})
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertEqual(
            self.onDisk(),
            {"a-1": '[["sip-bye", "udp", "192.0.2.7"], ["jingle-terminate", "a@b/c", "d@e/f", "s1"]]'},
        )
        self.journal.over("a-1")
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertEqual((self.onDisk(), self.clock.getDelayedCalls()), ({}, []))

    def test_short(self) -> None:
        """A call that is over before that is never written; nor is one that has nothing to say."""
        self.journal.changed("a-1", lambda: (HELLO,))
        self.journal.changed("a-2", lambda: ())
        self.journal.over("a-1")
        self.clock.advance(ANSWER_TIMEOUT)
        self.journal.over("a-2")
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertEqual((self.onDisk(), self.clock.getDelayedCalls()), ({}, []))

    def test_changes(self) -> None:
        """What has changed is written again, as it is then, however often that is said."""
        said = [HELLO]
        self.journal.changed("a-1", lambda: said)
        self.clock.advance(ANSWER_TIMEOUT)
        for _ in range(3):
            self.journal.changed("a-1", lambda: said)
        said[0] = AGAIN
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertIn("jingle-terminate", self.onDisk()["a-1"])

    def test_killed(self) -> None:
        """The next process knows what the one that was killed has left, until it is told that this is over."""
        self.journal.changed("a-1", lambda: (HELLO,))
        self.journal.changed("a-2", lambda: (AGAIN, HELLO))
        self.clock.advance(ANSWER_TIMEOUT)
        again = self.open()
        self.assertEqual(again.left, (Left("a-1", (HELLO,)), Left("a-2", (AGAIN, HELLO))))
        again.over("a-1")
        again.stopService()
        self.assertEqual([left.name for left in self.open().left], ["a-2"])

    def test_stop(self) -> None:
        """After a stop in good order, when all calls are over, nothing is left."""
        self.journal.changed("a-1", lambda: (HELLO,))
        self.clock.advance(ANSWER_TIMEOUT)
        self.journal.over("a-1")
        self.journal.stopService()
        self.assertEqual((self.open().left, self.clock.getDelayedCalls()), ((), []))

    def test_batches(self) -> None:
        """Many calls at once are written a few at a time."""
        for number in range(2 * BATCH + 3):
            self.journal.changed(f"a-{number}", lambda: (HELLO,))
        sizes = []
        self.clock.advance(ANSWER_TIMEOUT)
        for _ in range(4):
            sizes.append(len(self.onDisk()))
            self.clock.advance(PAUSE)
        self.assertEqual(sizes, [BATCH, 2 * BATCH, 2 * BATCH + 3, 2 * BATCH + 3])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failing(self) -> None:
        """A call that cannot say how it would be ended does no harm to others."""
        self.journal.changed("a-1", lambda: [1 // 0])  # type: ignore[list-item]
        self.journal.changed("a-2", lambda: (HELLO,))
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertEqual(list(self.onDisk()), ["a-2"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def full(self, journal: Journal, isFull: bool) -> None:
        """There is no room for more on the disk, or there is again."""
        database = journal._database
        assert database is not None
        used = database.execute("PRAGMA page_count").fetchone()[0] if isFull else 1_000_000
        database.execute(f"PRAGMA max_page_count = {used}")

    def test_diskFull(self) -> None:
        """
        What could not be written is written when there is room again, and what is over by then is not: parties are told
        of calls that were up, and of no others.
        """
        words: Farewell = ("sip-bye", "x" * 9000)
        self.journal.changed("over", lambda: (HELLO,))
        self.clock.advance(ANSWER_TIMEOUT)
        self.full(self.journal, True)
        for name in ("stays", "short"):
            self.journal.changed(name, lambda: (words,))
        self.journal.over("over")
        with capturedLogs() as events:
            self.clock.advance(ANSWER_TIMEOUT)
        self.assertIn("cannot be written", str(formatEvent(events[-1])))
        self.assertEqual(list(self.onDisk()), ["over"])
        self.journal.over("short")
        self.full(self.journal, False)
        self.clock.advance(RETRY)
        self.assertEqual((list(self.onDisk()), self.clock.getDelayedCalls()), (["stays"], []))

    def test_stopWhenFull(self) -> None:
        """A stop while the disk is full leaves nothing that waits."""
        self.full(self.journal, True)
        self.journal.changed("a-1", lambda: (("sip-bye", "x" * 9000),))
        self.clock.advance(ANSWER_TIMEOUT)
        self.journal.stopService()
        self.assertEqual((self.onDisk(), self.clock.getDelayedCalls()), ({}, []))

    def test_waitsForDisk(self) -> None:
        """A call that ends while it is being written is not in the file afterwards, whether or not that succeeds."""
        for problem in (None, sqlite3.OperationalError("disk I/O error")):
            disk = SlowDisk()
            journal = Journal(self.clock, self.path, disk)
            journal.startService()
            journal.changed("a-1", lambda: (HELLO,))
            self.clock.advance(ANSWER_TIMEOUT)
            journal.over("a-1")
            disk.finish(problem)
            self.clock.advance(RETRY)
            disk.finish(None)
            self.assertEqual(self.onDisk(), {})
            journal.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_damaged(self) -> None:
        """A file that is none of ours is begun anew; words that nobody wrote so say nothing."""
        self.journal.stopService()
        Path(self.path).write_bytes(b"this is no database" * 1000)
        with capturedLogs() as events:
            journal = self.open()
        self.assertIn("is begun anew", str(formatEvent(events[0])))
        journal.changed("a-1", lambda: (HELLO,))
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertEqual(list(self.onDisk()), ["a-1"])
        journal.stopService()
        with closing(sqlite3.connect(self.path)) as database, database:
            for number, text in enumerate(("nonsense", "3", '{"a": 1}', "[3, []]")):
                database.execute("INSERT INTO call VALUES (?, ?)", (f"b-{number}", text))
        self.assertEqual([left.farewells for left in self.open().left[1:]], [()] * 4)

    def test_otherVersions(self) -> None:
        """A file of another version, with more or less in it, is used if it can be, and else begun anew."""
        for columns, left in (
            ("name TEXT PRIMARY KEY, farewells TEXT, at REAL", ["b-1"]),
            ("name TEXT PRIMARY KEY", []),
        ):
            self.journal.stopService()
            with closing(sqlite3.connect(self.path)) as database, database:
                database.execute("DROP TABLE call")
                database.execute(f"CREATE TABLE call ({columns})")
                database.execute("INSERT INTO call (name) VALUES ('b-1')")
            self.journal = self.open()
            self.assertEqual([each.name for each in self.journal.left], left)
            self.journal.changed("a-1", lambda: (HELLO,))
            self.clock.advance(ANSWER_TIMEOUT)
            self.assertEqual(set(self.onDisk()), {"a-1", *left})
            self.journal.over("a-1")
            self.clock.advance(ANSWER_TIMEOUT)

    def test_unusable(self) -> None:
        """Where there can be no file, calls go on, and the log says what will be missed."""
        self.path = os.path.join(self.path, "nowhere")
        with capturedLogs() as events:
            journal = self.open()
        self.assertIn("Parties of calls are not told if this process is killed", str(formatEvent(events[-1])))
        journal.changed("a-1", lambda: (HELLO,))
        journal.over("a-1")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_private(self) -> None:
        """Nobody else can read who talks to whom."""
        self.assertEqual(os.stat(self.path).st_mode & 0o077, 0)


class EpilogueTests(JournalCase):
    """L{Epilogue}."""

    def setUp(self) -> None:
        super().setUp()
        self.said: list[tuple[str, ...]] = []
        self.linked = False

    def begin(self) -> Epilogue:
        """The process is killed, and another one starts."""
        self.clock.advance(ANSWER_TIMEOUT)
        self.after = self.open()
        made = Epilogue(
            Turns(self.clock),
            self.after,
            {"sip-bye": lambda *words: self.said.append(("bye", *words))},
            {"jingle-terminate": lambda *words: self.said.append(("terminate", *words))},
            lambda: self.linked,
        )
        made.start()
        return made

    def left(self) -> list[str]:
        """The names of those that a third process would find."""
        self.clock.advance(ANSWER_TIMEOUT)
        return list(self.onDisk())

    def test_sip(self) -> None:
        """Parties who are reached by SIP are told at once, and forgotten."""
        self.journal.changed("a-1", lambda: (HELLO, HELLO))
        with capturedLogs() as events:
            self.begin()
        self.assertEqual(self.said, [("bye", "udp", "192.0.2.7")] * 2)
        self.assertEqual(self.left(), [])
        self.assertIn("1 calls were up when the gateway ended without a word", str(formatEvent(events[-1])))

    def test_xmpp(self) -> None:
        """Those who are reached by XMPP are told when the link is up, once."""
        self.journal.changed("a-1", lambda: (HELLO, AGAIN))
        epilogue = self.begin()
        self.assertEqual((self.said, self.left()), ([("bye", "udp", "192.0.2.7")], ["a-1"]))
        for _ in range(2):
            epilogue.linked()
        self.assertEqual(self.said[1:], [("terminate", "a@b/c", "d@e/f", "s1")])
        self.assertEqual(self.left(), [])

    def test_linkFirst(self) -> None:
        """If the link is up already they are told at once as well."""
        self.journal.changed("a-1", lambda: (AGAIN,))
        self.linked = True
        self.begin()
        self.assertEqual((len(self.said), self.left()), (1, []))

    def test_many(self) -> None:
        """Many calls are not told of in one turn; those that are left at a stop are told of after the next start."""
        for number in range(500):
            self.journal.changed(f"a-{number}", lambda: (HELLO,))
        for _ in range(500 // BATCH + 1):
            self.clock.advance(ANSWER_TIMEOUT)
        epilogue = self.begin()
        first = len(self.said)
        self.assertTrue(0 < first < 500)
        self.clock.advance(SWEEP_INTERVAL)
        epilogue.stop()
        second = len(self.said)
        self.assertTrue(first < second <= 500)
        self.assertEqual(len(self.left()), 500 - second)

    def test_wrong(self) -> None:
        """Words that cannot be said are passed over, and the others are said."""
        strange = (("sip-bye",), ("ichat-sing", "la"), HELLO)
        self.journal.changed("a-1", lambda: strange)

        def say(*words: str) -> None:
            transport, host = words
            self.said.append((transport, host))

        self.clock.advance(ANSWER_TIMEOUT)
        journal = self.open()
        with capturedLogs() as events:
            Epilogue(Turns(self.clock), journal, {"sip-bye": say}, {}, lambda: True).start()
        self.assertEqual(self.said, [("udp", "192.0.2.7")])
        self.assertEqual(sum("cannot be ended by" in str(formatEvent(event)) for event in events), 2)
        self.assertEqual(self.left(), [])
