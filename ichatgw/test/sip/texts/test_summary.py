# -*- test-case-name: ichatgw.test.sip.texts.test_summary -*-
"""Tests for L{ichatgw.sip.texts.summary}, and NOTIFYs that bring it (RFC 3842)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import Congested, MalformedError
from ichatgw.model import TransportAddress
from ichatgw.sip.texts.summary import SUMMARY, Summary, readSummary, words
from ichatgw.test.support.sip.sipwire import PHONE, Rig, request, status
from ichatgw.test.support.texts import FakeTexts

ASTERISK = "Messages-Waiting: yes\r\nMessage-Account: sip:*97@192.0.2.77;transport=udp\r\nVoice-Message: 2/8 (0/0)\r\n"


class SummaryTests(SynchronousTestCase):
    """The text form."""

    def test_read(self) -> None:
        """How many are new, and where they are."""
        self.assertEqual(readSummary(ASTERISK), Summary(2, "sip:*97@192.0.2.77"))
        self.assertEqual(readSummary("messages-waiting:  YES\nVoice-Message : 3 / 0"), Summary(3))
        self.assertEqual(readSummary("Messages-Waiting: yes"), Summary(1))
        self.assertEqual(readSummary("Messages-Waiting: no\r\nVoice-Message: 0/8"), Summary(0))
        self.assertEqual(readSummary(ASTERISK.replace("2/8", "999999999/0")).new, 9999)

    def test_malformed(self) -> None:
        """What does not say whether any wait is none."""
        for text in ("", "x" * 100_000, "Messages-Waiting: perhaps", "Voice-Message: 2/8"):
            self.assertRaises(MalformedError, readSummary, text)

    def test_words(self) -> None:
        """One, many, none."""
        self.assertEqual([words(new) for new in (0, 1, 2)], ["No new messages", "1 new message", "2 new messages"])


class NotifiedTests(SynchronousTestCase):
    """A PBX tells of messages without being asked."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.texts = FakeTexts()
        self.rig.endpoint.texts = self.texts
        self.rig.endpoint.takeTexts(True)
        self.number = 0

    def notify(self, body: str = ASTERISK, event: str = "message-summary", source: TransportAddress = PHONE) -> int:
        self.number += 1
        (response,) = self.rig.receive(
            request(
                "NOTIFY",
                body=body,
                contentType=SUMMARY,
                callId=f"mwi-{self.number}",
                branch=f"mwi{self.number}",
                extra=f"Event: {event}\r\nSubscription-State: active\r\n",
            ),
            source,
        )
        return status(response)

    def said(self) -> list[str]:
        """What the user was told."""
        taken, self.texts.taken = self.texts.taken, []
        return [text.body for text in taken]

    def test_told(self) -> None:
        """The user is written to by the mailbox, which can be called."""
        self.assertEqual(self.notify(), 200)
        (text,) = self.texts.taken
        self.assertEqual((text.writer.uri, text.writer.name), ("sip:*97@192.0.2.77", "Voicemail"))
        self.assertEqual((text.to, text.body), ("sip:scott@192.0.2.10:5070", "2 new messages"))

    def test_changes(self) -> None:
        """Only what has changed is said: PBXs say it again with each registration."""
        for body, expected in (
            ("Messages-Waiting: no", []),
            (ASTERISK, ["2 new messages"]),
            (ASTERISK, []),
            (ASTERISK.replace("2/8", "1/8"), ["1 new message"]),
            ("Messages-Waiting: no", ["No new messages"]),
            ("Messages-Waiting: no", []),
        ):
            self.assertEqual(self.notify(body), 200)
            self.assertEqual(self.said(), expected)

    def test_again(self) -> None:
        """If it could not be said it is said the next time."""
        self.texts.refusal = Congested("too many")
        self.assertEqual(self.notify(), 200)
        self.texts.refusal = None
        self.said()
        self.notify()
        self.assertEqual(self.said(), ["2 new messages"])

    def test_meanwhile(self) -> None:
        """What changes while the last news is on its way is said too; if it comes back the one before it holds."""
        self.texts.fate = None
        for body in (ASTERISK, "Messages-Waiting: no", ASTERISK):
            self.assertEqual(self.notify(body), 200)
        self.assertEqual(self.said(), ["2 new messages", "No new messages", "2 new messages"])
        first, second, third = self.texts.answers
        for each, expected in ((first, []), (third, ["2 new messages"]), (second, [])):
            each.errback(Congested("too many"))
            self.notify()
            self.assertEqual(self.said(), expected)

    def test_refused(self) -> None:
        """Other events, strangers, what cannot be read, and all if texts are off."""
        self.assertEqual(self.notify(event="keep-alive"), 405)
        self.assertEqual(self.notify(source=TransportAddress("203.0.113.9", 5060)), 405)
        self.assertEqual(self.notify("nonsense"), 400)
        self.rig.endpoint.takeTexts(False)
        self.assertEqual(self.notify(), 405)
        self.assertEqual(self.texts.taken, [])
