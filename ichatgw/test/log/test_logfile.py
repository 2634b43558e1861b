"""Tests for L{ichatgw.log.logfile}."""

from __future__ import annotations

import os
import stat
import sys
from io import StringIO
from pathlib import Path

from twisted.application.service import Application, IServiceCollection
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.log.lines import LEVELS, MAX_LINE
from ichatgw.log.logfile import LineObserver, LoggedService, RotatingFile, isWanted, observer


def event(level: LogLevel = LogLevel.info, **fields: object) -> LogEvent:
    return {"log_level": level, "log_namespace": "here", "log_time": 0.0, "log_format": "text", **fields}


class LevelTests(SynchronousTestCase):
    """Which events pass at which C{LogLevel}."""

    def passing(self, level: str) -> list[str]:
        return [each.name for each in LogLevel.iterconstants() if isWanted(event(each), level)]

    def test_levels(self) -> None:
        """Each level lets through itself and what is worse."""
        every = ["debug", "info", "warn", "error", "critical"]
        words = ["DEBUG", "INFO", "WARNING", "ERR", "CRIT"]
        self.assertEqual([self.passing(word) for word in words], [every[n:] for n in range(5)])

    def test_none(self) -> None:
        """C{NONE} lets nothing through."""
        self.assertEqual(self.passing("NONE"), [])

    def test_stack(self) -> None:
        """Whole messages are seen at C{STACK} only, whatever their level."""
        for level in LEVELS:
            self.assertEqual(isWanted(event(LogLevel.critical, stack=True), level), level == "STACK")

    def test_withoutLevel(self) -> None:
        """An event that has no level counts as information."""
        self.assertTrue(isWanted({}, "INFO"))
        self.assertFalse(isWanted({}, "WARNING"))


class LineObserverTests(SynchronousTestCase):
    """What a line looks like."""

    def setUp(self) -> None:
        self.lines: list[str] = []
        self.observer = LineObserver(self.lines.append, "INFO")

    def test_interface(self) -> None:
        """It is an observer as C{twisted.logger} wants it."""
        verifyObject(ILogObserver, self.observer)

    def test_line(self) -> None:
        """A line tells time, level, origin and text."""
        Logger(namespace="ichatgw.calls.call", observer=self.observer).warn("call {call} ended", call="c1")
        time, rest = self.lines[0].split(" ", 1)
        self.assertRegex(time, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}$")
        self.assertEqual(rest, "WARNING ichatgw.calls.call: call c1 ended")

    def test_legacy(self) -> None:
        """Twisted's own old chatter is for debugging; what it says of errors is not."""
        for level, wanted in ((LogLevel.info, False), (LogLevel.warn, True), (LogLevel.critical, True)):
            self.assertIs(isWanted(event(level, log_namespace="log_legacy"), "INFO"), wanted)
        self.assertTrue(isWanted(event(LogLevel.info, log_namespace="log_legacy"), "DEBUG"))

    def test_filtered(self) -> None:
        """What the level does not want is not written."""
        self.observer(event(LogLevel.debug))
        self.assertEqual(self.lines, [])

    def test_escaped(self) -> None:
        """No text of a stranger begins a line of its own, or reaches a terminal as a command."""
        self.observer(event(log_format="{x}", x="a\nb\r\x1b[2J\x85\u2028\u2029\u202e\0\ud800\u00e9"))
        self.assertEqual(len(self.lines), 1)
        self.assertTrue(
            self.lines[0].endswith(r"a\nb\r\x1b[2J\x85\u2028\u2029\u202e\x00\ud800" + "\u00e9"), self.lines[0]
        )

    def test_cut(self) -> None:
        """Long lines are cut, escapes included."""
        self.observer(event(log_format="{x}", x="\0" * 9000))
        self.assertEqual(len(self.lines[0]), MAX_LINE)
        self.assertTrue(self.lines[0].endswith("..."))

    def test_traceback(self) -> None:
        """A failure is followed by its traceback, indented, escaped and cut."""
        try:
            raise ValueError("bad\x1b" + "x" * 9000)
        except ValueError:
            failure = Failure()
        self.observer(event(LogLevel.critical, log_failure=failure))
        self.assertGreater(len(self.lines), 2)
        self.assertTrue(all(line.startswith("  ") and line.isprintable() for line in self.lines[1:]))
        self.assertLessEqual(max(map(len, self.lines)), MAX_LINE)
        self.assertTrue(self.lines[-1].startswith("  builtins.ValueError: bad\\x1bxxx"))

    def test_deepTraceback(self) -> None:
        """Of a long traceback only the end is kept."""

        def deeper(level: int) -> int:
            return level // 0 if level == 0 else deeper(level - 1)

        try:
            deeper(200)
        except ZeroDivisionError:
            self.observer(event(LogLevel.critical, log_failure=Failure()))
        self.assertLessEqual(len(self.lines), 41)
        self.assertIn("ZeroDivisionError", self.lines[-1])

    def test_neverRaises(self) -> None:
        """An event that cannot be written becomes a line that says so."""

        class Broken:
            def getTraceback(self) -> str:
                raise RuntimeError("no")

        self.observer(event(LogLevel.critical, log_failure=Broken()))
        self.assertEqual(self.lines, ["An event could not be written: RuntimeError"])

    def test_unformattable(self) -> None:
        """A format whose fields are missing is written as well as it can be."""
        self.observer(event(log_format="{missing}"))
        self.assertIn("missing", self.lines[0])


class RotatingFileTests(SynchronousTestCase):
    """The file, its generations, and what happens when it cannot be written."""

    def setUp(self) -> None:
        self.directory = self.mktemp()
        os.mkdir(self.directory)
        self.path = os.path.join(self.directory, "gw.log")
        self.complaints: list[str] = []

    def file(self, maxLines: int = 3, generations: int = 2) -> RotatingFile:
        log = RotatingFile(self.path, maxLines, generations, self.complaints.append)
        self.addCleanup(log.close)
        return log

    def read(self, suffix: str = "") -> list[str]:
        with open(self.path + suffix, encoding="utf-8") as file:
            return file.read().splitlines()

    def write(self, log: RotatingFile, *numbers: int) -> None:
        for number in numbers:
            log.write(str(number))

    def test_rotation(self) -> None:
        """After C{maxLines} lines a new file is begun; the newest old one has the lowest number; the oldest goes."""
        self.write(self.file(), *range(1, 12))
        self.assertEqual(self.read(), ["10", "11"])
        self.assertEqual(self.read(".1"), ["7", "8", "9"])
        self.assertEqual(self.read(".2"), ["4", "5", "6"])
        self.assertEqual(sorted(os.listdir(self.directory)), ["gw.log", "gw.log.1", "gw.log.2"])

    def test_goesOn(self) -> None:
        """Lines that the file holds already, from an earlier run, count."""
        self.write(self.file(), 1, 2)
        self.write(self.file(), 3, 4)
        self.assertEqual(self.read(".1"), ["1", "2", "3"])
        self.assertEqual(self.read(), ["4"])

    def test_reopen(self) -> None:
        """A file that was renamed or removed is not written to any more; one that is there goes on."""
        log = RotatingFile(self.path, 100)
        log.write("one")
        os.rename(self.path, self.path + ".old")
        log.write("two")
        log.reopen()
        log.write("three")
        log.reopen()
        log.write("four")
        os.remove(self.path)
        log.reopen()
        log.write("five")
        self.assertEqual(Path(self.path + ".old").read_text(), "one\ntwo\n")
        self.assertEqual(Path(self.path).read_text(), "five\n")
        log.close()
        log.reopen()
        log.write("six")
        self.assertEqual(Path(self.path).read_text(), "five\nsix\n")

    def test_replaced(self) -> None:
        """So it is with one in whose place another file stands."""
        log = RotatingFile(self.path, 0)
        log.write("one")
        os.rename(self.path, self.path + ".old")
        Path(self.path).write_text("made by logrotate\n")
        log.reopen()
        log.write("two")
        self.assertEqual(Path(self.path).read_text(), "made by logrotate\ntwo\n")

    def test_unlimited(self) -> None:
        """With 0 for C{maxLines} the file just grows."""
        self.write(self.file(maxLines=0), *range(100))
        self.assertEqual(len(self.read()), 100)

    def test_mode(self) -> None:
        """A new file is for its owner and group only, whatever the umask; an old one is left as it is."""
        previous = os.umask(0o077)
        self.addCleanup(os.umask, previous)
        self.write(self.file(), 1)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o640)
        os.chmod(self.path, 0o600)
        self.write(self.file(), 2)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_unwritable(self) -> None:
        """Without its directory the log complains once and counts; it goes on when the directory is there."""
        self.path = os.path.join(self.directory, "later", "gw.log")
        log = self.file()
        self.write(log, 1, 2)
        self.assertEqual(log.lost, 2)
        self.assertEqual(
            self.complaints,
            [f"The log cannot be written to {self.path}: No such file or directory; until it can it goes here:"],
        )
        os.mkdir(os.path.dirname(self.path))
        self.write(log, 3)
        self.assertEqual(self.read(), ["2 lines could not be written here", "3"])
        self.assertEqual(log.lost, 0)

    def test_diskFull(self) -> None:
        """A full disk costs lines, never an error."""
        self.path = "/dev/full"
        log = self.file()
        self.write(log, 1, 2, 3)
        self.assertEqual(log.lost, 3)
        self.assertEqual(
            self.complaints,
            ["The log cannot be written to /dev/full: No space left on device; until it can it goes here:"],
        )

    def test_device(self) -> None:
        """A device is written to, and never renamed."""
        self.path = "/dev/null"
        log = self.file(maxLines=1)
        self.write(log, 1, 2, 3)
        self.assertEqual(log.lost, 0)
        self.assertFalse(os.path.exists("/dev/null.1"))

    def test_pipeWithoutReader(self) -> None:
        """A pipe that nobody reads does not hold the gateway up."""
        os.mkfifo(self.path)
        log = self.file()
        self.write(log, 1)
        self.assertEqual(log.lost, 1)

    def test_slowPipe(self) -> None:
        """Nor does one whose reader is slow: what finds no room is lost."""
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        log = self.file()
        log.write("x" * (1 << 20))
        self.assertEqual(log.lost, 1)
        while len(os.read(reader, 1 << 16)) == 1 << 16:
            pass
        self.write(log, 1)
        self.assertTrue(os.read(reader, 1 << 16).endswith(b"1 lines could not be written here\n1\n"))

    def test_rotationImpossible(self) -> None:
        """Where old files cannot be renamed the log goes on in the one it has."""
        os.mkdir(self.path + ".1")
        open(os.path.join(self.path + ".1", "occupied"), "w").close()
        self.write(self.file(generations=1), *range(1, 8))
        self.assertEqual(self.read(), [str(n) for n in range(1, 8)])

    def test_text(self) -> None:
        """Any text can be written."""
        self.file().write("\u00e9\ud800")
        self.assertEqual(self.read(), ["\u00e9\\ud800"])


class ObserverTests(SynchronousTestCase):
    """L{observer} puts the parts together."""

    def test_file(self) -> None:
        """With a file name lines go to that file, also when the process changes its directory afterwards."""
        path = self.mktemp()
        made = observer("INFO", path, 10)
        assert isinstance(made, LineObserver)
        here = os.getcwd()
        os.chdir("/")
        try:
            made(event())
        finally:
            os.chdir(here)
        with open(path) as file:
            self.assertIn("INFO here: text", file.read())

    def test_standardOutput(self) -> None:
        """Without one, or with a dash, they go to the standard output."""
        for name in ("", "-"):
            stream = StringIO()
            self.patch(sys, "stdout", stream)
            observer("WARNING", name, 10)(event(LogLevel.error))
            self.assertTrue(stream.getvalue().endswith("ERR here: text\n"))

    def test_closedOutput(self) -> None:
        """A standard output that is gone is not missed."""
        stream = StringIO()
        self.patch(sys, "stdout", stream)
        made = observer("INFO", "", 10)
        stream.close()
        made(event())

    def test_alarm(self) -> None:
        """What is critical is also said on the standard error output if the log goes to a file, and only then."""
        stream, output = StringIO(), StringIO()
        self.patch(sys, "stderr", stream)
        self.patch(sys, "stdout", output)
        made = observer("INFO", self.mktemp(), 10)
        made(event())
        made(event(LogLevel.critical))
        observer("INFO", "-", 10)(event(LogLevel.critical))
        self.assertEqual([line.split(" ", 1)[1] for line in stream.getvalue().splitlines()], ["CRIT here: text"])

    def test_complains(self) -> None:
        """That the file cannot be written is said on the standard error output, and what should be in it goes there."""
        stream = StringIO()
        self.patch(sys, "stderr", stream)
        made = observer("INFO", "/nowhere/at/all", 10)
        made(event())
        made(event())
        complaint, *lines = stream.getvalue().splitlines()
        self.assertIn("The log cannot be written to /nowhere/at/all: No such file or directory;", complaint)
        self.assertEqual([line.split(" ", 1)[1] for line in lines], ["INFO here: text"] * 2)


class LoggedServiceTests(SynchronousTestCase):
    """L{LoggedService} hands C{twistd} the observer."""

    def test_component(self) -> None:
        """The application that the service becomes part of has the observer as its component."""
        made = observer("INFO", "", 0)
        application = Application("test")
        service = LoggedService(made)
        service.setServiceParent(application)
        self.assertIs(application.getComponent(ILogObserver), made)
        self.assertEqual(list(IServiceCollection(application)), [service])
