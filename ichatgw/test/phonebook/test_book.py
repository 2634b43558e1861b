"""Tests for L{ichatgw.phonebook.book}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import NoRoute
from ichatgw.model import Party
from ichatgw.phonebook.book import PhoneBook, load
from ichatgw.phonebook.entries import Entry, Table
from ichatgw.phonebook.numbers import Numbering
from ichatgw.runtime.steps import atOnce

KIM = Entry("+49301234", "kim@example.com", "Kim", "+4930100", "telco", ("sales", "support"))
MOBILE = Entry("+491701234567", "kim@example.com")
LEE = Entry("72", "lee@example.com")


def bookOf(*entries: Entry) -> PhoneBook:
    """A German book with these."""
    table = Table()
    for entry in entries:
        table.add(entry.row)
    book = PhoneBook("gw.example.com")
    book.adopt(Numbering("DE"), table)
    return book


class PhoneBookTests(SynchronousTestCase):
    """L{PhoneBook}."""

    def setUp(self) -> None:
        self.book = bookOf(KIM, MOBILE, LEE)

    def test_called(self) -> None:
        """A number leads to its user, no matter who calls it and however it is written."""
        for address in (
            *("sip:+49301234@gw.example.com", "sips:0301234@192.0.2.1:5061", "sip:0049301234@x", "tel:+49301234"),
            *("sip:030-1234@x", "sip:49301234@x", "xmpp:+49301234@gw.example.com", "xmpp:0301234@GW.example.com/res"),
            *("tel:0301234;phone-context=pbx.example", "sip:1234;phone-context=+4930@x", "sip:%2B49301234@x"),
        ):
            self.assertTrue(self.book.matches(address), address)
            self.assertEqual(self.book.translate(address), "xmpp:kim@example.com", address)
        self.assertEqual(self.book.translate("sip:72@x"), "xmpp:lee@example.com")

    def test_others(self) -> None:
        """Nothing else is known: other numbers, people, users elsewhere whose names are digits, other schemes."""
        for address in (
            *(
                "sip:+49301235@x",
                "sip:kim@example.com",
                "xmpp:72@example.com",
                "xmpp:kim@example.com",
                "urn:service:sos",
            ),
            *(
                "sip:example.com",
                "sip:@x",
                "",
                "72",
                "tel:",
                "sip:\ud800@x",
                f"sip:{'7' * 5000}@x",
                "xmpp:@gw.example.com",
            ),
            "mailto:72@x",
        ):
            self.assertFalse(self.book.matches(address), address)
            self.assertRaises(NoRoute, self.book.translate, address)

    def test_users(self) -> None:
        """It can be asked who has a number, and who all they are."""
        self.assertTrue(self.book.has("Kim@example.com"))
        self.assertFalse(self.book.has("sam@example.com"))
        self.assertIn("kim@example.com", self.book.users())

    def test_entries(self) -> None:
        """What is known of a number and of a user, of whom the first entry counts."""
        self.assertEqual(self.book.find("030 1234"), KIM)
        self.assertEqual(self.book.of("Kim@example.com"), KIM)
        self.assertIsNone(self.book.find("030 1235"))
        self.assertIsNone(self.book.of("sam@example.com"))
        self.assertEqual(self.book.entryOf(Party("xmpp:lee@example.com")), LEE)
        self.assertEqual(self.book.entryOf(Party("sip:72@pbx")), LEE)
        self.assertEqual((KIM.shown, MOBILE.shown), ("+4930100", "+491701234567"))

    def test_adopt(self) -> None:
        """Another book takes its place at once, and the old one goes bit by bit."""
        other = Table()
        other.add(Entry("73", "sam@example.com").row)
        leaving = self.book.adopt(Numbering(), other)
        self.assertEqual(self.book.translate("sip:73@x"), "xmpp:sam@example.com")
        self.assertFalse(self.book.matches("sip:72@x"))
        self.assertEqual(len(list(leaving)), 2 + 3)

    def test_none(self) -> None:
        """Without a file there is an empty book."""
        self.assertEqual(atOnce(load("", Numbering())).byNumber, {})
        self.assertFalse(PhoneBook("gw.example.com").matches("sip:72@x"))


class TableTests(SynchronousTestCase):
    """L{Table}."""

    def test_remove(self) -> None:
        """When the first number of a user goes the next one counts."""
        table = Table()
        for entry in (KIM, LEE, MOBILE):
            table.add(entry.row)
        table.remove(KIM.row)
        self.assertEqual(table.byJID[KIM.jid], MOBILE.row)
        table.remove(MOBILE.row)
        self.assertNotIn(KIM.jid, table.byJID)
        self.assertEqual(list(table.byNumber), [LEE.number])
