"""Tests for L{ichatgw.command.phonebook}."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.command.test_command import Run

KIM = {
    "number": "+49301234",
    "jid": "kim@example.com",
    "name": "Kim",
    "outgoing": "+4930100",
    "trunk": "telco",
    "groups": ["sales", "support"],
    "org": "",
    "photo": "",
}
LEE = {
    "number": "72",
    "jid": "lee@example.com",
    "name": "",
    "outgoing": "",
    "trunk": "",
    "groups": [],
    "org": "",
    "photo": "",
}


class PhoneBookTests(SynchronousTestCase):
    """C{ichatgw phonebook}."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.book = ("phonebook", "--json", "--book", self.path, "--country", "de")
        self.full = (
            "--name",
            "Kim",
            "--outgoing",
            "030 100",
            "--trunk",
            "telco",
            "--group",
            "sales",
            "--group",
            "support",
        )

    def listed(self) -> object:
        return Run(*self.book, "list").json

    def error(self, *arguments: str) -> str:
        said = Run(*arguments)
        self.assertEqual(said.status, 1, said.out)
        return said.err.replace(self.path, "BOOK")

    def test_add(self) -> None:
        """An entry is added, and shown as it is kept."""
        self.assertEqual(Run(*self.book, "add", "030 1234", "Kim@example.com", *self.full).json, KIM)
        said = Run("phonebook", "--book", self.path, "add", "72", "lee@example.com")
        self.assertEqual(said.out, "72 is lee@example.com now; the gateway reads it at SIGHUP\n")
        self.assertEqual(self.listed(), [KIM, LEE])
        text = Run("phonebook", "--book", self.path, "list", "72").out
        self.assertEqual(text, "72\tlee@example.com\t\t\t\t\t\t\n")

    def test_addAgain(self) -> None:
        """A number that is there is replaced only if that is asked for."""
        Run(*self.book, "add", "72", "lee@example.com")
        self.assertEqual(
            self.error(*self.book, "add", "72", "sam@example.com"),
            "ichatgw phonebook: number 72 is there already, for lee@example.com: take one of the two away, or use"
            " --replace\n",
        )
        self.assertEqual(Run(*self.book, "add", "72", "sam@example.com", "--replace").status, 0)
        self.assertEqual(self.listed(), [LEE | {"jid": "sam@example.com"}])

    def test_addWrong(self) -> None:
        """What cannot be an entry is refused, and no file is made."""
        self.assertIn(
            "number 'x' is no telephone number: write it", self.error(*self.book, "add", "x", "kim@example.com")
        )
        self.assertIn("jid 'kim' is no address", self.error(*self.book, "add", "72", "kim"))
        self.assertFalse(os.path.exists(self.path))

    def test_remove(self) -> None:
        """Entries are taken away by number, however written, or by JID; if one is not there nothing is."""
        Run(*self.book, "add", "030 1234", "kim@example.com", *self.full)
        Run(*self.book, "add", "72", "lee@example.com")
        self.assertEqual(
            self.error(*self.book, "remove", "72", "73"),
            "ichatgw phonebook: BOOK has no '73': see ichatgw phonebook list\n",
        )
        self.assertEqual(self.listed(), [KIM, LEE])
        self.assertEqual(Run(*self.book, "remove", "0049 30 1234").json, {"removed": [KIM]})
        self.assertEqual(Run(*self.book, "remove", "lee@example.com").json, {"removed": [LEE]})
        self.assertEqual(self.listed(), [])

    def test_options(self) -> None:
        """Options stand before the action or behind it."""
        Run("phonebook", "add", "--book", self.path, "030 1234", "kim@example.com", *self.full, "--country", "DE")
        self.assertEqual(Run("phonebook", "list", "--json", "--book", self.path).json, [KIM])
        self.assertEqual(
            Run("phonebook", "--book", self.path, "list", "--json", "--country", "de", "0301234").json, [KIM]
        )

    def test_list(self) -> None:
        """All entries, or those that are asked for."""
        Run(*self.book, "add", "030 1234", "kim@example.com", *self.full)
        Run(*self.book, "add", "72", "lee@example.com")
        self.assertEqual(Run(*self.book, "list", "lee@example.com", "+49301234").json, [LEE, KIM])
        self.assertIn("has no '73'", self.error(*self.book, "list", "73"))

    def test_import(self) -> None:
        """Another book is taken over, all of it or nothing."""
        other = self.mktemp()
        Path(other).write_text("number;jid\n72;lee@example.com\n73;sam@example.com\n")
        self.assertEqual(Run(*self.book, "import", other).json, {"imported": 2})
        self.assertEqual(Run(*self.book, "import", other).status, 0)
        Path(other).write_text("number,jid\n74,kim@example.com\n72,kim@example.com\n")
        self.assertIn("number 72 is there already", self.error(*self.book, "import", other))
        self.assertEqual(len(self.listed()), 2)  # type: ignore[arg-type]
        self.assertEqual(Run(*self.book, "import", other, "--replace").status, 0)
        self.assertEqual(len(self.listed()), 3)  # type: ignore[arg-type]
        Path(other).write_text("number,jid\n74\n")
        self.assertIn("line 2: jid is missing", self.error(*self.book, "import", other))

    def test_config(self) -> None:
        """Book and country are those of the configuration if they are not given."""
        config = self.mktemp()
        Path(config).write_text(f"PhoneBook = {self.path}\nCountry = DE\nFoo = bar\n")
        configured = ("phonebook", "--json", "--config", config)
        self.assertEqual(Run(*configured, "add", "030 1234", "kim@example.com", *self.full).json, KIM)
        self.assertEqual(self.listed(), [KIM])
        self.assertEqual(
            Run("phonebook", "--json", "--book", self.path, "--config", config, "list", "0301234").status, 0
        )

    def test_noConfig(self) -> None:
        """Without a book, or a country that there is, it says what to do."""
        missing = self.mktemp()
        self.assertIn(f"there is no {missing}: name", self.error("phonebook", "--config", missing, "list"))
        Path(missing).write_text("")
        self.assertIn("has no PhoneBook: add that setting", self.error("phonebook", "--config", missing, "list"))
        self.assertIn(
            "'XX' is no country: use its two", self.error("phonebook", "--book", "b", "--country", "xx", "list")
        )
        self.assertIn("cannot be read", self.error(*self.book, "list"))
