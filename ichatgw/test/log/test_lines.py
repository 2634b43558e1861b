"""Tests for L{ichatgw.log.lines}."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.logger import LogEvent, LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.log.lines import JSON, LEVELS, MAX_LINE, priority
from ichatgw.log.logfile import LineObserver, isJournal


def event(level: LogLevel = LogLevel.info, **fields: object) -> LogEvent:
    return {"log_level": level, "log_namespace": "here", "log_time": 0.0, "log_format": "text", **fields}


class JSONTests(SynchronousTestCase):
    """Lines for programs."""

    def setUp(self) -> None:
        self.lines: list[str] = []
        self.observer = LineObserver(self.lines.append, "INFO", format=JSON)

    def only(self) -> dict[str, Any]:
        [line] = self.lines
        self.assertEqual(len(line.splitlines()), 1)
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    def test_fields(self) -> None:
        """A line is an object with time, level, origin and text, and names the call and the leg that it is about."""
        self.observer(event(LogLevel.warn, log_format="call={call} leg={leg} {x}", call="k-1", leg="sip-in-1", x=3))
        found = self.only()
        self.assertRegex(found.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}$")
        self.assertEqual(
            found,
            {
                "level": "WARNING",
                "logger": "here",
                "message": "call=k-1 leg=sip-in-1 3",
                "call": "k-1",
                "leg": "sip-in-1",
            },
        )

    def test_noCall(self) -> None:
        """A line about no call names none."""
        self.observer(event(call="-"))
        self.assertNotIn("call", self.only())

    def test_strangers(self) -> None:
        """Whatever strangers send, a line is one line, is JSON, and is not longer than others."""
        self.observer(event(log_format="{x}", x='"}\n\r\x1b[2J\u2028\ud800' + "\0" * 9000))
        message = self.only()["message"]
        self.assertTrue(message.startswith('"}\n\r\x1b[2J\u2028'))
        self.assertEqual(len(message), MAX_LINE)

    def test_secrets(self) -> None:
        """Passwords in URIs are left out, as in lines of text."""
        self.observer(event(log_format="{x}", x="sip:alice:s3cret@example.net"))
        self.assertNotIn("s3cret", self.lines[0])

    def test_traceback(self) -> None:
        """What has failed has its traceback in the same line."""
        try:
            raise ValueError("bad")
        except ValueError:
            self.observer(event(LogLevel.critical, log_failure=Failure()))
        self.assertEqual(self.only()["traceback"][-1], "builtins.ValueError: bad")

    def test_neverRaises(self) -> None:
        """An event that cannot be written becomes a line of JSON that says so."""

        class Broken:
            def getTraceback(self) -> str:
                raise RuntimeError("no")

        self.observer(event(LogLevel.critical, log_failure=Broken()))
        self.assertIn("RuntimeError", self.only()["message"])


class JournalTests(SynchronousTestCase):
    """Lines that the journal sorts."""

    def test_levels(self) -> None:
        """Each level has its number (sd-daemon(3)), the more urgent the lower."""
        marks = [priority(event(level)) for level in LogLevel.iterconstants()]
        self.assertEqual(marks, ["<7>", "<6>", "<4>", "<3>", "<2>"])
        self.assertEqual(len(set(LEVELS.values()) - {None}), len(marks))

    def test_everyLine(self) -> None:
        """Each line of an event begins with it, those of a traceback too."""
        lines: list[str] = []
        observer = LineObserver(lines.append, "INFO", mark=priority)
        try:
            raise ValueError("bad")
        except ValueError:
            observer(event(LogLevel.error, log_failure=Failure()))
        self.assertTrue(len(lines) > 1)
        self.assertEqual({line[:3] for line in lines}, {"<3>"})

    def test_isJournal(self) -> None:
        """Output goes to the journal if it is the very stream that systemd names."""
        path = self.mktemp()
        fd = os.open(path, os.O_CREAT | os.O_WRONLY)
        self.addCleanup(os.close, fd)
        about = os.fstat(fd)
        self.assertTrue(isJournal(fd, {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"}))
        for environ in ({}, {"JOURNAL_STREAM": "1:2"}, {"JOURNAL_STREAM": "junk"}):
            self.assertFalse(isJournal(fd, environ))
        self.assertFalse(isJournal(99999, {"JOURNAL_STREAM": "1:2"}))
