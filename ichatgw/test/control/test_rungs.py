# -*- test-case-name: ichatgw.test.control.test_rungs -*-
"""Tests for L{ichatgw.control.rungs}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.control.rungs import LONGEST, shownRung, titleOf
from ichatgw.model import TransportAddress
from ichatgw.observe import events
from ichatgw.observe.snapshots import Rung

PHONE = TransportAddress("192.0.2.77", 5060)
NOW = (1.0, 2.0)
INVITE = b'INVITE sip:72@192.0.2.10 SIP/2.0\r\nAuthorization: Digest response="s3cret"\r\n\r\n'


def sip(data: bytes) -> events.Message:
    return events.MessageReceived(*NOW, "SIP", "udp", data, PHONE)


def xmpp(data: str) -> events.Message:
    return events.MessageSent(*NOW, "XMPP", "xmpp", data.encode(), None)


class RungTests(SynchronousTestCase):
    """The entries of a ladder."""

    def test_message(self) -> None:
        """A message is shown with its way, where it came from and its text, but for secrets."""
        shown = shownRung(Rung(0.12345, "in-1", "caller", sip(INVITE)))
        self.assertNotIn("s3cret", shown.pop("text"))
        self.assertEqual(
            shown,
            {
                "at": 0.1235,
                "leg": "in-1",
                "side": "caller",
                "event": "MessageReceived",
                "title": "INVITE 72",
                "way": "in",
                "transport": "udp",
                "remote": "192.0.2.77:5060",
            },
        )
        shown = shownRung(Rung(0, "out-1", "callee", xmpp("<iq type='set'/>")))
        self.assertEqual((shown["way"], shown["remote"]), ("out", None))

    def test_titles(self) -> None:
        """Each entry has a title of one line, in the words of the drawn ladder."""
        for event, title in (
            (sip(b"SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n\r\n"), "200 OK (BYE)"),
            (xmpp("<presence type='unavailable'/>"), "presence unavailable"),
            (events.CallRang(*NOW, "1", "out-1"), "leg out-1 rings"),
        ):
            self.assertEqual(titleOf(event), title)

    def test_long(self) -> None:
        """A title has a bound, whatever a stranger sent."""
        shown = shownRung(Rung(0, "", "", sip(b"INVITE sip:" + b"7" * 10_000 + b"@h SIP/2.0\r\n\r\n")))
        self.assertEqual(len(shown["title"]), LONGEST)
