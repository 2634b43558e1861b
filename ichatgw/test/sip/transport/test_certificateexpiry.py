"""
Tests for L{ichatgw.sip.transport.certificateexpiry}.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.transport.certificateexpiry import EVERY, Expiry

END = datetime(2026, 12, 31, 12, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)


class ExpiryTests(SynchronousTestCase):
    """Certificates that end."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.certificate: tuple[str, datetime] | None = ("gw.pem", END)
        self.start = END - timedelta(days=30)
        self.expiry = Expiry(self.clock, lambda: self.certificate, self.now)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.clock.seconds())

    def lines(self, days: float) -> list[tuple[LogLevel, str]]:
        """What is said within so many days, looked at hour by hour."""
        with capturedLogs() as events:
            self.clock.pump([EVERY] * round(days * 24))
        return [(each["log_level"], formatEvent(each) or "") for each in events]

    def test_warned(self) -> None:
        """From two weeks before its end on there is a line each day, and before the last day it is an error."""
        self.expiry.start()
        self.assertEqual(self.lines(15), [])
        lines = self.lines(1.5)
        self.assertEqual(len(lines), 2)
        self.assertIn("gw.pem: a certificate in it ends on 2026-12-31 12:00 UTC, in 14 days", lines[0][1])
        self.assertEqual([len(self.lines(1)) for _ in range(12)], [1] * 12)
        last = self.lines(2)
        self.assertEqual([level for level, _ in last], [LogLevel.error] * 2)
        self.assertIn("has ended", last[-1][1])

    def test_days(self) -> None:
        """What is said 14, 7 and 1 day before."""
        for days in (14, 7, 1):
            self.start = END - days * DAY
            with capturedLogs() as events:
                Expiry(self.clock, lambda: self.certificate, self.now).start()
            self.assertIn(f"in {days} days", formatEvent(events[0]) or "")
        self.start -= 30 * DAY

    def test_ends(self) -> None:
        """At the moment of its end it has ended, a second before it ends."""
        for left, said in ((timedelta(), "has ended"), (timedelta(seconds=1), "ends on")):
            self.start = END - left
            with capturedLogs() as events:
                Expiry(self.clock, lambda: self.certificate, self.now).start()
            self.assertIn(said, formatEvent(events[0]) or "")
        self.start -= 30 * DAY

    def test_renewed(self) -> None:
        """With another certificate nothing more is said; nor without one."""
        self.start = END - DAY
        self.expiry.start()
        self.certificate = ("gw.pem", END + 90 * DAY)
        self.assertEqual(self.lines(3), [])
        self.certificate = None
        self.assertEqual(self.lines(3), [])

    def test_clockIsSet(self) -> None:
        """Whatever happens to the clock on the wall, a day has one line."""
        self.start = END - 10 * DAY
        with capturedLogs() as events:
            self.expiry.start()
            for _ in range(3):
                self.start -= timedelta(minutes=59)
                self.clock.advance(EVERY)
        self.assertEqual(len(events), 1)

    def test_stopped(self) -> None:
        """It leaves nothing behind."""
        self.expiry.stop()
        self.expiry.start()
        self.expiry.stop()
        self.expiry.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
