# -*- test-case-name: ichatgw.test.observe.test_report -*-
"""Tests for L{ichatgw.observe.report}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.observe.readiness import Condition, Readiness
from ichatgw.observe.report import ANSWER_TIMEOUT, INTERVAL, Report
from ichatgw.runtime.systemd import Notifier

WAIT = f"EXTEND_TIMEOUT_USEC={ANSWER_TIMEOUT * 1_000_000}"


class ReportTests(SynchronousTestCase):
    """L{Report}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.wrong = ""
        self.calls = 0
        self.notes: list[list[str]] = []
        notifier = Notifier(True, False, lambda data, address: self.notes.append(data.decode().split("\n")))
        readiness = Readiness([Condition("XMPP link", lambda: self.wrong)])
        self.report = Report(self.clock, readiness, notifier, lambda: f"with {self.calls} calls")
        self.report.startService()
        self.addCleanup(self.end)

    def end(self) -> None:
        if self.report.running:
            self.report.stopService()

    def told(self, seconds: float = INTERVAL) -> list[list[str]]:
        """What is told in this time."""
        for _ in range(round(seconds / INTERVAL)):
            self.clock.advance(INTERVAL)
        notes, self.notes = self.notes, []
        return notes

    def test_ready(self) -> None:
        """It is said once that the gateway is ready, and how it is whenever that changes."""
        self.assertEqual(self.told(), [["READY=1", "STATUS=Ready with 0 calls"]])
        self.assertEqual(self.told(10), [])
        self.calls = 3
        self.assertEqual(self.told(10), [["STATUS=Ready with 3 calls"]])

    def test_late(self) -> None:
        """As long as it is not ready at the start, systemd is told why and asked to wait; each time for a while."""
        self.wrong = "the server refuses the password"
        self.assertEqual(self.told(), [["STATUS=Not ready: XMPP link: the server refuses the password", WAIT]])
        self.assertEqual(self.told(), [[WAIT]])
        self.wrong = ""
        self.assertEqual(self.told(), [["READY=1", "STATUS=Ready with 0 calls"]])

    def test_lost(self) -> None:
        """A gateway that is ready no more says so; when it is again there is no second READY=1."""
        self.told()
        self.wrong = "connection lost"
        self.assertEqual(self.told(5), [["STATUS=Not ready: XMPP link: connection lost"]])
        self.wrong = ""
        self.assertEqual(self.told(5), [["STATUS=Ready with 0 calls"]])

    def test_reload(self) -> None:
        """A reload is said with the time of its beginning, and its end; no end makes a gateway ready that is not."""
        self.wrong = "no link"
        self.told()
        self.report.reloading(True)
        self.report.reloading(False)
        self.assertEqual(self.told(0), [["RELOADING=1", "MONOTONIC_USEC=250000"]])
        self.wrong = ""
        self.told()
        self.report.reloading(True)
        self.report.reloading(False)
        self.assertEqual(self.told(0), [["RELOADING=1", "MONOTONIC_USEC=500000"], ["READY=1"]])

    def test_stop(self) -> None:
        """Its end is said when it begins; after that nothing."""
        self.told()
        self.report.stopService()
        self.assertEqual(self.told(0), [["STOPPING=1", "STATUS=Stopping"]])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_log(self) -> None:
        """The log has a line for each change, but no flood of them."""
        with capturedLogs() as events:
            self.told(5)
            self.wrong = "down"
            self.told(5)
        self.assertEqual(
            [str(formatEvent(event)) for event in events],
            ["Ready for calls", "Not ready for calls: XMPP link: down"],
        )
        with capturedLogs() as events:
            for number in range(100):
                self.wrong = f"down {number}"
                self.told()
        self.assertLess(len(events), 9)
