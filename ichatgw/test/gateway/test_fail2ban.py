"""
Tests for the filter and the jail in C{etc/fail2ban}: they are fed with the lines that the log really has.
"""

from __future__ import annotations

import re
from configparser import RawConfigParser
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, eventAsText
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials
from ichatgw.log.lines import formatLines
from ichatgw.sip.auth.digest import answer, challenges
from ichatgw.sip.auth.verifier import Verifier

FILES = Path(__file__).parents[3] / "etc" / "fail2ban"

HOST = r"(?:::f{4,6}:)?(?P<host>[0-9.]{7,15}|[0-9a-fA-F:]{2,39})"
"""What Fail2Ban puts in the place of C{<HOST>}, addresses only."""


def read(path: str) -> RawConfigParser:
    if not FILES.is_dir():
        raise SkipTest("not in a checkout")
    parser = RawConfigParser()
    parser.read_string((FILES / path).read_text())
    return parser


class FilterTests(SynchronousTestCase):
    """Lines of the log against the filter."""

    def setUp(self) -> None:
        expression = read("filter.d/ichatgw.conf")["Definition"]["failregex"]
        self.matches = re.compile(expression.replace("<HOST>", HOST)).match

    def wrong(self, host: str, user: str) -> LogEvent:
        """The event of a wrong login."""
        verifier = Verifier("gw.example", {"alice": "wonder"}, Clock())
        text = answer(challenges(verifier.challenge(host))[0], Credentials(user, "no"), "INVITE", "sip:a@gw.example")
        with capturedLogs() as events:
            verifier.judge([text], "INVITE", "sip:a@gw.example", host, "one")
        (event,) = events
        return event

    def spellings(self, event: LogEvent) -> list[str]:
        """A line as it stands in our file, in the journal, in twistd's own log, and with its time cut off."""
        (line,) = formatLines(event)
        return [
            line,
            f"gw twistd[123]: {line}",
            eventAsText(event),
            line.partition(" ")[2],
            f" {line.partition(' ')[2]}",
        ]

    def test_found(self) -> None:
        """A wrong login is found, with the address that it came from."""
        for host in ("203.0.113.9", "2001:db8::9"):
            for line in self.spellings(self.wrong(host, "alice")):
                found = self.matches(line)
                assert found is not None, line
                self.assertEqual(found["host"], host)

    def test_forgedName(self) -> None:
        """Whatever somebody gives as a name, it is their address that is found."""
        for name in (
            "x from 192.0.2.1",
            "Wrong login from 192.0.2.1 with INVITE, the next is looked at in 0 s; name 'a'",
            "\n2026-11-30T18:07:26+0000 WARNING ichatgw.sip.auth.verifier: Wrong login from 192.0.2.1 with X, next in",
        ):
            for line in self.spellings(self.wrong("203.0.113.9", name)):
                found = self.matches(line)
                assert found is not None, line
                self.assertEqual(found["host"], "203.0.113.9")

    def test_otherLines(self) -> None:
        """A line about something else is not found, whatever is quoted in it."""
        (line,) = formatLines(self.wrong("203.0.113.9", "alice"))
        self.assertIsNone(self.matches(f"2026-11-30T18:07:26+0000 INFO ichatgw.sip.requests: INVITE for '{line}'"))
        self.assertIsNone(self.matches(line.replace("WARNING", "INFO")))

    def test_jail(self) -> None:
        """The jail names the filter."""
        jail = read("jail.d/ichatgw.conf")["ichatgw"]
        self.assertEqual((jail["filter"], jail["enabled"]), ("ichatgw", "true"))
        self.assertGreater(int(jail["bantime"]), int(jail["maxretry"]))
