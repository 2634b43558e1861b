"""
Tests for L{ichatgw.observe.records.appender}.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import ichatgw.observe.records.appender as module
from ichatgw.observe.records.appender import RETRY, TRIES, Appender, run, write


def aim(path: str, head: bytes = b"") -> bytes:
    """The order to write there."""
    return b">%b %b\n" % (os.fsencode(path).hex().encode(), head)


class AppenderTestCase(SynchronousTestCase):
    """A file of its own for each test."""

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())

    def lines(self) -> list[str]:
        with open(self.path, encoding="utf-8") as written:
            return written.read().split("\n")[:-1]


class WriteTests(AppenderTestCase):
    """How lines get into a file."""

    def write(self, *lines: bytes, head: bytes = b"") -> None:
        write(os.fsencode(self.path), list(lines), head)

    def test_rights(self) -> None:
        """What is made can be read by the group, and not by others."""
        self.write(b"one")
        self.assertEqual(os.stat(self.path).st_mode & 0o777 & ~0o640, 0)

    def test_movedAway(self) -> None:
        """A file that was moved away is written to no more, without any signal; a new one begins with its head."""
        self.write(b"1,2", head=b"a,b")
        os.rename(self.path, f"{self.path}.1")
        self.write(b"3,4", head=b"a,b")
        self.assertEqual(self.lines(), ["a,b", "3,4"])
        self.write(b"5,6", head=b"a,b")
        self.assertEqual(self.lines(), ["a,b", "3,4", "5,6"])

    def test_brokenLine(self) -> None:
        """A line that somebody was killed at is not continued."""
        with open(self.path, "w", encoding="utf-8") as written:
            written.write('{"call":"x","arr')
        self.write(b"whole")
        self.assertEqual(self.lines()[-1], "whole")

    def test_noRoom(self) -> None:
        """A full disk leaves the file as it was: no line is there in part, none twice."""
        self.write(b"before")
        writes = [3]
        real = os.write
        self.patch(os, "write", lambda fd, data: real(fd, data[: writes.pop()]) if writes else real(fd, data))
        self.assertRaises(OSError, self.write, b"a long line")
        self.assertEqual(self.lines(), ["before"])
        self.write(b"a long line")
        self.assertEqual(self.lines(), ["before", "a long line"])


class AppenderTests(AppenderTestCase):
    """Orders to write."""

    def test_pieces(self) -> None:
        """Orders come in any pieces; what has no end is not carried out."""
        appender = Appender()
        for octet in aim(self.path, b"a,b") + b"+1,2\n+3,4\n+5":
            appender.take(bytes([octet]))
        self.assertEqual(list(appender.flush()), [])
        self.assertEqual(self.lines(), ["a,b", "1,2", "3,4"])

    def test_oddPath(self) -> None:
        """The name of a file may have blanks, line breaks and octets that are no UTF-8."""
        self.path += " \n\udcff"
        appender = Appender()
        appender.take(aim(self.path) + b"+one\n")
        self.assertEqual(list(appender.flush()), [])
        self.assertEqual(self.lines(), ["one"])

    def test_cannotBeWritten(self) -> None:
        """What cannot be written waits until it can; that is said once, and when it is over."""
        os.mkdir(self.path)
        appender = Appender()
        appender.take(aim(self.path))
        told = []
        for line in (b"+one\n", b"+two\n"):
            appender.take(line)
            told += list(appender.flush())
        self.assertEqual(told, [{"broken": "Is a directory"}])
        os.rmdir(self.path)
        self.assertEqual(list(appender.flush()), [{"lost": 0}])
        self.assertEqual(self.lines(), ["one", "two"])

    def test_elsewhere(self) -> None:
        """What could not be written goes to the file that is named then."""
        os.mkdir(self.path)
        appender = Appender()
        appender.take(aim(self.path) + b"+one\n")
        self.assertEqual(len(list(appender.flush())), 1)
        self.path += "x"
        appender.take(aim(self.path))
        self.assertEqual(list(appender.flush()), [{"lost": 0}])
        self.assertEqual(self.lines(), ["one"])

    def test_bounded(self) -> None:
        """If that lasts too long the oldest are lost, and counted."""
        self.patch(module, "MAX_WAITING", 10)
        os.mkdir(self.path)
        appender = Appender()
        appender.take(aim(self.path) + b"+first\n")
        self.assertEqual(len(list(appender.flush())), 1)
        appender.take(b"".join(b"+%d\n" % number for number in range(25)))
        os.rmdir(self.path)
        self.assertEqual(list(appender.flush()), [{"lost": 16}])
        self.assertEqual(self.lines(), [str(number) for number in range(15, 25)])


class RunTests(AppenderTestCase):
    """The program."""

    def run_(self, *given: bytes | None, pauses: int = 0) -> tuple[list[dict[str, Any]], list[float | None]]:
        """
        Have it read that, then the end.

        @param pauses: after so many the file can be written.
        @return: what it says, and how long it waits each time.
        """
        inputs, said, waits = [*given, b""], list[dict[str, Any]](), list[float | None]()

        def read(seconds: float | None) -> bytes | None:
            waits.append(seconds)
            return inputs.pop(0)

        def pause(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == len(given) + 1 + pauses:
                os.rmdir(self.path)

        run(Appender(), read, pause, lambda line: said.append(json.loads(line)), lambda: 5.0 * len(waits))
        return said, waits

    def test_atOnce(self) -> None:
        """It waits for orders as long as there are none, and ends with them."""
        self.assertEqual(self.run_(aim(self.path) + b"+one\n", b"+two\n"), ([], [None, None, None]))
        self.assertEqual(self.lines(), ["one", "two"])

    def test_afterTheEnd(self) -> None:
        """What cannot be written at the end of the gateway is tried for a while, until it can."""
        os.mkdir(self.path)
        said, waits = self.run_(aim(self.path) + b"+one\n", None, pauses=3)
        self.assertEqual(said, [{"broken": "Is a directory"}, {"lost": 0}])
        self.assertEqual(waits, [None, RETRY, RETRY] + [RETRY] * 3)
        self.assertEqual(self.lines(), ["one"])

    def test_never(self) -> None:
        """It does not stay for ever."""
        os.mkdir(self.path)
        said, waits = self.run_(aim(self.path) + b"+one\n")
        self.assertEqual((len(said), len(waits)), (1, 2 + TRIES))

    def test_process(self) -> None:
        """
        As a process of its own it goes on when who began it is gone, whatever signal its group got; what was given is
        in the file when it ends.
        """
        with subprocess.Popen(
            [sys.executable, "-I", "-S", module.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            os.mkdir(self.path)
            process.stdin.write(aim(self.path) + b"+one\n")
            process.stdin.flush()
            self.assertIn("broken", json.loads(process.stdout.readline()))
            process.stdout.close()
            os.rmdir(self.path)
            for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                process.send_signal(each)
            process.stdin.write(b"+two\n")
            process.stdin.close()
            self.assertEqual(process.wait(20), 0)
        self.assertEqual(self.lines(), ["one", "two"])
