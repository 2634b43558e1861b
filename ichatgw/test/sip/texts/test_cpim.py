# -*- test-case-name: ichatgw.test.sip.texts.test_cpim -*-
"""Tests for L{ichatgw.sip.texts.cpim}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.sip.texts.cpim import IMDN, PLAIN, Wrapped, readCPIM, readIMDN, writeCPIM, writeIMDN
from ichatgw.texts.interfaces import Fate

WHEN = "2026-11-30T22:00:00Z"

# As RFC 5438 section 10 has it.
EXAMPLE = (
    "From: Alice <im:alice@example.com>\r\nTo: Bob <im:bob@example.com>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
    "imdn.Message-ID: 34jk324j\r\nDateTime: 2006-04-04T12:16:49-05:00\r\n"
    "imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n"
    "Content-type: text/plain\r\nContent-length: 12\r\n\r\nHello World\n"
)


class CPIMTests(SynchronousTestCase):
    """Texts in message/cpim."""

    def test_example(self) -> None:
        """The example of the RFC is read."""
        wants = frozenset({"positive-delivery", "negative-delivery"})
        self.assertEqual(readCPIM(EXAMPLE), Wrapped(PLAIN, "Hello World\n", "34jk324j", wants))

    def test_otherPrefix(self) -> None:
        """The name of the headers is what the namespace says; lines may end as they do in files."""
        text = EXAMPLE.replace("imdn <", "i <").replace("imdn.", "i.").replace("\r\n", "\n")
        self.assertEqual(readCPIM(text).id, "34jk324j")

    def test_noWishes(self) -> None:
        """Without headers of that kind nothing is wanted; what is in it is a text if it does not say."""
        self.assertEqual(readCPIM("From: <im:a@b>\r\n\r\nX: y\r\n\r\nhello\r\n\r\n"), Wrapped(PLAIN, "hello\r\n\r\n"))

    def test_malformed(self) -> None:
        """What has not both heads is none, however long it is."""
        for text in (
            "",
            "x",
            "From: x\r\n\r\n",
            "From: x\r\n\r\nbody",
            "a" * 100_000,
            "\r\n" + "a" * 9000 + "\r\n\r\nx",
        ):
            self.assertRaises(MalformedError, readCPIM, text)

    def test_both(self) -> None:
        """What is written is read as it was; nothing in addresses and ids ends a line."""
        wrapped = Wrapped(PLAIN, "h\u00e9\r\n\r\nllo", "id1", frozenset({"positive-delivery"}))
        self.assertEqual(readCPIM(writeCPIM(wrapped, "sip:a@b", "sip:c@d", WHEN)), wrapped)
        hostile = writeCPIM(Wrapped(PLAIN, "x", "a\r\nb: c>"), "sip:a\r\nX: y>@b", "sip:c@d", WHEN)
        self.assertEqual(hostile.count("\r\n"), 8)
        self.assertEqual(readCPIM(hostile).body, "x")


class IMDNTests(SynchronousTestCase):
    """Notifications."""

    def test_both(self) -> None:
        """What is written is read."""
        for fate in Fate:
            self.assertEqual(readIMDN(writeIMDN("a&<b", WHEN, fate)), ("a&<b", fate))

    def test_others(self) -> None:
        """Prefixes, blanks, and what was displayed; whatever went wrong has failed."""
        text = "<i:imdn><i:message-id> 1 </i:message-id><i:display-notification><i:status><i:{} /></i:status>"
        expected = {
            "displayed": Fate.DELIVERED,
            "processed": Fate.ACCEPTED,
            "forbidden": Fate.FAILED,
            "error": Fate.FAILED,
        }
        for word, fate in expected.items():
            self.assertEqual(readIMDN(text.format(word)), ("1", fate))

    def test_malformed(self) -> None:
        """What names no message or says nothing of it is none, nor what declares entities."""
        good = writeIMDN("1", WHEN, Fate.DELIVERED)
        for text in (
            "",
            "x" * 100_000,
            good.replace("message-id", "id"),
            good.replace("delivered", "x"),
            "<!DOCTYPE x>" + good,
        ):
            self.assertRaises(MalformedError, readIMDN, text)

    def test_wrapped(self) -> None:
        """A notification travels in CPIM, marked as one."""
        text = writeCPIM(Wrapped(IMDN, writeIMDN("1", WHEN, Fate.FAILED), "2"), "sip:a@b", "sip:c@d", WHEN)
        self.assertIn("\r\nContent-Disposition: notification\r\n", text)
        wrapped = readCPIM(text)
        self.assertEqual((wrapped.contentType, readIMDN(wrapped.body)), (IMDN, ("1", Fate.FAILED)))
