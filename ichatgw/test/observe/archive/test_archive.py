"""
Tests for L{ichatgw.observe.archive.archive}.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason
from ichatgw.observe.archive import archive as module
from ichatgw.observe.archive import table
from ichatgw.observe.archive.archive import DAY, ERASING_INTERVAL, LATE, RETRY, Archive, Whole
from ichatgw.observe.events import CallArrived, Message, TurnedAway
from ichatgw.runtime.disk import DirectDisk
from ichatgw.runtime.turns import Turns
from ichatgw.test.support.events import PHONE, Scene, sip


class HeldDisk(DirectDisk):
    """
    Does what it is given when the test says so.

    @ivar given: what it has not done yet.
    """

    def __init__(self) -> None:
        self.given: list[tuple[Callable[[], object], Deferred[Any]]] = []
        self.isHeld = False

    def run(self, work: Callable[[], object]) -> Deferred[Any]:
        """See L{ichatgw.runtime.disk.Disk}."""
        if not self.isHeld:
            return super().run(work)
        told: Deferred[Any] = Deferred()
        self.given.append((work, told))
        return told

    def settle(self) -> None:
        """Do all."""
        while self.given:
            work, told = self.given.pop(0)
            super().run(work).chainDeferred(told)


class ArchiveCase(SynchronousTestCase):
    """A gateway's calls, and a file."""

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        self.disk = HeldDisk()
        self.begin()

    def begin(self, kept: int = 10, days: int = 30) -> None:
        """Another process, one hour after the last."""
        self.scene = Scene()
        self.calls, _ = self.scene.follow(kept)
        now = self.scene.events.now
        self.step = 0.0

        def wall() -> float:
            return now()[1] + self.step

        self.archive = Archive(Turns(self.scene.clock), self.path, days, self.disk, self.calls, wall)
        self.archive.start()
        self.addCleanup(self.archive.stop)

    def call(self, name: str, caller: str = "sip-in-1") -> None:
        """One that is over."""
        self.scene.arrives(name, callId=f"{name}@phone")
        self.scene.routes(name, callId=f"{name}@gw")
        self.scene.talks(name)
        self.scene.ends(name)

    def pass_(self, seconds: float = LATE + 1) -> None:
        """Let time go by."""
        for _ in range(20):
            self.scene.clock.advance(seconds / 20)

    def find(self, name: str) -> Whole | None:
        return self.successResultOf(self.archive.find(name))

    def search(self, wanted: str = "", most: int = 100, known: tuple[str, ...] = ()) -> list[str]:
        found = self.successResultOf(self.archive.search(wanted, None, most, known.__contains__))
        return [each.name for each in found]


class KeepingTests(ArchiveCase):
    """What is kept, and when."""

    def test_restart(self) -> None:
        """After a restart a call is there as it was, with its ladder, and is found by any text of it."""
        self.call("c-1")
        self.pass_()
        before, ladder = self.calls.find("c-1"), self.calls.ladder("c-1")
        self.archive.stop()
        self.begin()
        found = self.find("c-1")
        assert found is not None
        self.assertEqual(found[0], before)
        self.assertEqual(found[1], ladder)
        for wanted in ("", "C-1", "alice@", "HANGUP", "sip:bob@PBX", "normal end"):
            self.assertEqual(self.search(wanted), ["c-1"], wanted)
        self.assertEqual(self.search("carol"), [])

    def test_late(self) -> None:
        """What is said shortly after the end is kept, although the call has gone from memory meanwhile."""
        self.begin(kept=1)
        self.call("c-1")
        self.scene.says(sip("SIP/2.0 200 OK", "c-1@phone"), sent=True)
        self.pass_(1)
        self.call("c-2")
        self.assertIsNone(self.calls.find("c-1"))
        self.pass_()
        found = self.find("c-1")
        assert found is not None
        said = [rung.event.text.split("\r\n")[0] for rung in found[1] if isinstance(rung.event, Message)]
        self.assertEqual(said[-1], "SIP/2.0 200 OK")

    def test_noMemory(self) -> None:
        """Calls are kept in the file although none is in memory."""
        self.begin(kept=0)
        self.call("c-1")
        self.pass_()
        self.assertEqual(self.search(), ["c-1"])

    def test_stop(self) -> None:
        """A stop in good order loses nothing, however shortly before it a call has ended."""
        self.call("c-1")
        self.archive.stop()
        self.begin()
        self.assertEqual(self.search(), ["c-1"])

    def test_stopWhileWriting(self) -> None:
        """Nor does one while the disk is at work."""
        self.call("c-1")
        self.disk.isHeld = True
        self.pass_()
        self.assertEqual(len(self.disk.given), 1)
        self.call("c-2")
        self.archive.stop()
        self.disk.isHeld = False
        self.begin()
        self.assertEqual(self.search(), ["c-2", "c-1"])

    def test_offTheReactor(self) -> None:
        """All that is written goes to the thread of the disk, one commit at a time."""
        self.disk.isHeld = True
        for number in range(3):
            self.call(f"c-{number}")
            self.pass_()
        self.assertEqual(len(self.disk.given), 1)
        self.disk.settle()
        self.pass_()
        self.disk.settle()
        self.disk.isHeld = False
        self.assertEqual(self.search(), ["c-2", "c-1", "c-0"])

    def test_attempts(self) -> None:
        """An attempt that became no call is not kept: it has no name and no ladder."""
        self.scene.publish(TurnedAway, Ending(EndReason.CONGESTED), "sip", "sip:a@b", "sip:c@d", PHONE)
        self.pass_()
        self.assertEqual(self.search(), [])

    def test_bounded(self) -> None:
        """If more end than can be written the oldest are not kept, and counted."""
        self.patch(module, "MAX_WAITING", 1)
        self.disk.isHeld = True
        for number in range(3):
            self.call(f"c-{number}")
        self.assertEqual(self.archive.lost, 2)

    def test_fails(self) -> None:
        """What cannot be written waits until it can; the log says so."""

        def write(*args: Any) -> None:
            raise sqlite3.OperationalError("the disk is full")

        real, failing = table.write, write
        self.patch(table, "write", failing)
        with capturedLogs() as events:
            self.call("c-1")
            self.pass_()
            self.pass_(RETRY / 2)
        [said] = map(formatEvent, events)
        self.assertIn("the disk is full", said)
        self.patch(table, "write", real)
        self.call("c-2")
        self.pass_(RETRY * 2)
        self.assertEqual(self.search(), ["c-2", "c-1"])

    def test_noText(self) -> None:
        """What is no text, whatever a stranger has sent, is kept as far as it is one, and keeps no other call out."""
        self.call("c-1")
        self.scene.publish(CallArrived, "odd", "leg-1", "sip", "sip:\udc80\0@x", "sip:\ud800", PHONE, ())
        self.scene.ends("odd")
        self.pass_()
        self.assertEqual(self.search(), ["odd", "c-1"])
        self.assertEqual(self.search("@x"), ["odd"])
        found = self.find("odd")
        assert found is not None
        self.assertEqual(found[0].caller, "sip:\udc80\0@x")
        for wanted in ("\ud800", "\0", "%", "'"):
            with capturedLogs():
                self.search(wanted)
                self.assertIsNone(self.find(wanted))

    def test_faulty(self) -> None:
        """Calls that cannot be written for a fault of theirs are left out, and the next ones are kept."""

        def write(*args: Any) -> None:
            raise TypeError("odd")

        real, failing = table.write, write
        self.patch(table, "write", failing)
        self.call("c-1")
        self.pass_()
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.patch(table, "write", real)
        self.call("c-2")
        self.pass_()
        self.assertEqual((self.search(), self.archive.lost), (["c-2"], 1))

    def test_unusable(self) -> None:
        """A file that cannot be used stops nothing; the log says so."""
        self.archive.stop()
        os.remove(self.path)
        os.mkdir(self.path)
        with capturedLogs() as events:
            self.begin()
        self.assertIn("kept in memory only", formatEvent(events[0]))
        self.call("c-1")
        self.pass_()
        self.assertEqual((self.search(), self.find("c-1")), ([], None))


class AgeTests(ArchiveCase):
    """For how long calls are kept."""

    def test_erased(self) -> None:
        """A call is there for as many days as the setting says, and no longer; that is looked for each hour."""
        self.archive.days = 2
        self.call("c-1")
        self.pass_()
        for _ in range(47):
            self.scene.clock.advance(ERASING_INTERVAL)
        self.assertEqual(self.search(), ["c-1"])
        for _ in range(2):
            self.scene.clock.advance(ERASING_INTERVAL)
        self.assertEqual((self.search(), self.find("c-1")), ([], None))

    def test_clockIsSet(self) -> None:
        """Nothing goes early when the clock on the wall is set, whichever way, and nothing stays for ever."""
        self.archive.days = 2
        self.call("c-1")
        self.pass_()
        for self.step in (1e9, -1e9):
            self.scene.clock.advance(ERASING_INTERVAL)
            self.assertEqual(self.search(), ["c-1"])
        for _ in range(48):
            self.scene.clock.advance(ERASING_INTERVAL)
        self.assertEqual(self.search(), [])

    def test_slices(self) -> None:
        """Many go some at a time, and the disk is free between."""
        self.patch(table, "ERASED", 2)
        for number in range(5):
            self.call(f"c-{number}")
        self.pass_()
        self.archive.days = 1
        self.scene.clock.advance(DAY + ERASING_INTERVAL)
        self.assertEqual(len(self.search()), 3)
        self.pass_(1)
        self.assertEqual(self.search(), [])


class FindingTests(ArchiveCase):
    """What is found."""

    def setUp(self) -> None:
        super().setUp()
        for number in range(6):
            self.call(f"c-{number}")
        self.pass_()

    def test_known(self) -> None:
        """Calls that are shown already are left out, and as many others found."""
        self.assertEqual(self.search(most=2, known=("c-5", "c-3", "c-2")), ["c-4", "c-1"])

    def test_pages(self) -> None:
        """It goes on below the number of the last one."""
        [_, last] = self.successResultOf(self.archive.search("", None, 2, ().__contains__))
        found = self.successResultOf(self.archive.search("", last.number, 2, ().__contains__))
        self.assertEqual([each.name for each in found], ["c-3", "c-2"])

    def test_damaged(self) -> None:
        """What cannot be read is as if it were not there; the log says so."""
        with sqlite3.connect(self.path) as database:
            database.execute("UPDATE ladder SET whole = 'x' WHERE name = 'c-1'")
        database.close()
        with capturedLogs() as events:
            self.assertIsNone(self.find("c-1"))
        self.assertIn("damaged", formatEvent(events[0]))
        self.assertIsNotNone(self.find("c-2"))

    def test_gone(self) -> None:
        """So is a search in a file that has lost its table."""
        with sqlite3.connect(self.path) as database:
            database.execute("DROP TABLE past")
        database.close()
        with capturedLogs() as events:
            self.assertEqual(self.search(), [])
        self.assertIn("cannot be read", formatEvent(events[0]))
