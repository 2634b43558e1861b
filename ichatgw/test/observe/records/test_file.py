"""
Tests for L{ichatgw.observe.records.file}.
"""

from __future__ import annotations

import errno
import os

from twisted.internet.error import ProcessTerminated
from twisted.internet.interfaces import IReactorProcess
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

import ichatgw.observe.records.file as module
from ichatgw.observe.records.appender import RETRY
from ichatgw.observe.records.file import AGAIN, RecordFile
from ichatgw.test.observe.records.appending import AppendingReactor


class RecordFileTests(SynchronousTestCase):
    """Lines that are kept."""

    def setUp(self) -> None:
        self.reactor = AppendingReactor()
        self.path = os.path.abspath(self.mktemp())
        self.records = RecordFile(self.reactor)
        self.records.aim(self.path)

    def tearDown(self) -> None:
        self.records.stop()
        for process in self.reactor.processes:
            if not process.isClosed:
                process.close()

    def lines(self) -> list[str]:
        """What is written once the process beside has had its turn."""
        self.reactor.work()
        with open(self.path, encoding="utf-8") as written:
            return written.read().split("\n")[:-1]

    def test_interface(self) -> None:
        """The reactor of these tests is like others."""
        verifyObject(IReactorProcess, self.reactor)

    def test_sameTurn(self) -> None:
        """A line is out of this process when C{append} returns: no time has to pass, and nothing else has to run."""
        self.records.start()
        for line in ("one", "two"):
            self.records.append(line)
            self.assertEqual(self.lines()[-1], line)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_before(self) -> None:
        """What comes before the start waits for it."""
        self.records.append("one")
        self.records.start()
        self.assertEqual(self.lines(), ["one"])

    def test_end(self) -> None:
        """At the end all is handed on, and the other process learns that no more comes."""
        self.records.start()
        self.records.append("one")
        self.records.stop()
        self.assertEqual(self.lines(), ["one"])
        self.assertTrue(self.reactor.processes[0].isOver)

    def test_endWhileFull(self) -> None:
        """What the other process has no room for at the end is lost, and the log says how much."""
        self.patch(module, "PIPE_OCTETS", 4096)
        self.records.start()
        for _ in range(4):
            self.records.append("x" * 3000)
        with capturedLogs() as events:
            self.records.stop()
        self.assertIn("2 lines are lost", formatEvent(events[0]))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_odd(self) -> None:
        """Text that is no text is written all the same."""
        self.records.start()
        self.records.append("\udc80 ä")
        self.assertEqual(self.lines(), ["\\udc80 ä"])

    def test_full(self) -> None:
        """
        If the other process stands still, as it does while the disk hangs, lines wait here, and this process goes on;
        none is lost, none comes twice or in another order.
        """
        self.patch(module, "PIPE_OCTETS", 4096)
        self.records.start()
        wanted = [f"{number} {'x' * 1500}" for number in range(20)]
        for line in wanted:
            self.records.append(line)
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        for _ in range(20):
            found = self.lines()
            self.reactor.advance(AGAIN)
        self.assertEqual(found, wanted)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_bounded(self) -> None:
        """If that lasts too long the oldest are lost, and counted."""
        self.patch(module, "MAX_WAITING", 10)
        for number in range(25):
            self.records.append(str(number))
        self.assertEqual(self.records.lost, 15)
        self.records.start()
        self.assertEqual(self.lines(), [str(number) for number in range(15, 25)])

    def test_otherFile(self) -> None:
        """Another file holds from the next line on, and so does what it begins with."""
        self.records.start()
        self.records.append("one")
        self.assertEqual(self.lines(), ["one"])
        self.path += "x"
        self.records.aim(self.path, "a,b")
        self.records.append("1,2")
        self.assertEqual(self.lines(), ["a,b", "1,2"])

    def test_killed(self) -> None:
        """If the other process is killed another one follows; what came meanwhile, or in part, is written by that."""
        self.patch(module, "PIPE_OCTETS", 4096)
        self.records.start()
        lines = [f"{number} {'x' * 3000}" for number in range(3)]
        for line in lines:
            self.records.append(line)
        self.reactor.processes[0].end()
        self.records.append("more")
        self.reactor.advance(RETRY)
        self.assertEqual(len(self.reactor.processes), 2)
        self.assertEqual(self.lines()[0], lines[1])  # the first had come whole
        self.reactor.advance(AGAIN)
        self.assertEqual(self.lines(), [*lines[1:], "more"])

    def test_brokenPipe(self) -> None:
        """Nor is a line lost that comes after the other process has gone, and before that is known."""
        self.records.start()
        process = self.reactor.processes[0]
        process.close()
        self.records.append("one")
        self.records.append("two")
        process.protocol.processEnded(Failure(ProcessTerminated(signal=9)))
        self.reactor.advance(RETRY)
        data = os.read(self.reactor.processes[1].input, 10_000)
        self.assertEqual(data[:1], b">")  # where to comes first
        self.reactor.processes[1].appender.take(data)
        self.assertEqual(self.lines(), ["one", "two"])

    def test_complains(self) -> None:
        """What the other process says of itself is in the log."""
        self.records.start()
        with capturedLogs() as events:
            self.reactor.processes[0].protocol.errReceived(b"Traceback: x")
        self.assertIn("Traceback: x", formatEvent(events[0]))

    def test_noProcess(self) -> None:
        """If there can be none lines wait, and it is tried again."""
        self.reactor.refusals = [OSError(errno.EAGAIN, "no more processes")]
        with capturedLogs() as events:
            self.records.start()
        self.assertIn("no more processes", formatEvent(events[0]))
        self.records.append("one")
        self.reactor.advance(RETRY)
        self.assertEqual(self.lines(), ["one"])

    def test_stoppedMeanwhile(self) -> None:
        """After the end no other one is begun."""
        self.records.start()
        self.reactor.processes[0].end()
        self.records.stop()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_cannotBeWritten(self) -> None:
        """The log says that the file cannot be written, and when it can again."""
        os.mkdir(self.path)
        with capturedLogs() as events:
            self.records.start()
            self.records.append("one")
            self.reactor.work()
            os.rmdir(self.path)
            self.assertEqual(self.lines(), ["one"])
        broken, mended = map(formatEvent, events)
        self.assertIn(f"{self.path} cannot be written: Is a directory", broken)
        self.assertIn("is written again; 0 lines are lost", mended)
