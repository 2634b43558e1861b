# -*- test-case-name: ichatgw.test.log.test_messagelog -*-
"""
Messages in full, without their secrets.
"""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.log.logfile import isWanted
from ichatgw.log.messagelog import MessageLog
from ichatgw.log.redaction import HIDDEN, Content

SECRET = "Xk9vT0pS3cretW0rdQ"


class MessageLogTests(SynchronousTestCase):
    """L{MessageLog}."""

    def test_level(self) -> None:
        """Messages are for C{STACK} only."""
        with capturedLogs() as events:
            MessageLog()("RECEIVED from x:\n", f"<handshake>{SECRET}</handshake>")
        self.assertEqual(formatEvent(events[0]), f"RECEIVED from x:\n<handshake>{HIDDEN}</handshake>")
        self.assertTrue(isWanted(events[0], "STACK"))
        self.assertFalse(isWanted(events[0], "DEBUG"))

    def test_owner(self) -> None:
        """A message of a call is a line of that call, as all others of it."""
        log = MessageLog(owner=lambda what, message: ("c-1", "in-1") if message == "INVITE" else ("", ""))
        with capturedLogs() as events:
            log("SENDING to x:\n", "INVITE")
            log("SENDING to x:\n", "OPTIONS")
        lines = ["call=c-1 leg=in-1 SENDING to x:\nINVITE", "SENDING to x:\nOPTIONS"]
        self.assertEqual([formatEvent(event) for event in events], lines)

    def test_content(self) -> None:
        """What people say is left out as it is wished."""
        text = "<message><body>hello</body></message>"
        for content, shown in ((Content.DIGITS, True), (Content.TEXTS, False)):
            with capturedLogs() as events:
                MessageLog(content)("", text)
            self.assertEqual("hello" in (formatEvent(events[0]) or ""), shown)
