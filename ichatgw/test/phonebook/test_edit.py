"""Tests for L{ichatgw.phonebook.edit}."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import ConfigError
from ichatgw.phonebook import edit, entries, sqlite
from ichatgw.phonebook.entries import Row, Table
from ichatgw.phonebook.numbers import Numbering

GERMAN = Numbering("DE")
KIM = ("+49301234", "kim@example.com", "Kim", "", "", "", "", "")
LEE = ("72", "lee@example.com", "", "", "", "", "", "")
SAM = ("72", "sam@example.com", "", "", "", "", "", "")


class ChangeTests(SynchronousTestCase):
    """L{edit.change}."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.path = str(self.directory / "book.csv")

    def put(self, path: str, *rows: Row) -> None:
        def how(table: Table) -> None:
            for row in rows:
                edit.put(table, row)

        edit.change(path, GERMAN, how)

    def rows(self, path: str) -> list[Row]:
        return list(edit.readBook(path, GERMAN).byNumber.values())

    def test_new(self) -> None:
        """A book that is not there is made, by its name as CSV or SQLite; nothing else is left beside it."""
        for name in ("book.csv", "book", "book.sqlite", "book.db"):
            path = str(self.directory / name)
            self.put(path, LEE)
            self.put(path, KIM)
            self.assertEqual(self.rows(path), [LEE, KIM])
            self.assertEqual(sqlite.isSQLite(path), name in ("book.sqlite", "book.db"))
        self.assertEqual(len(list(self.directory.iterdir())), 4)

    def test_mode(self) -> None:
        """The file keeps its mode, its delimiter, and the name that leads to it."""
        real = self.directory / "real.csv"
        real.write_text("number;jid\n72;lee@example.com\n")
        os.symlink("real.csv", self.path)
        for mode in (0o600, 0o640, 0o664):
            real.chmod(mode)
            self.put(self.path, KIM)
            self.assertEqual(stat.S_IMODE(real.stat().st_mode), mode)
        self.assertTrue(os.path.islink(self.path))
        self.assertTrue(real.read_text().startswith("number;jid;name;"))

    def test_wrong(self) -> None:
        """A change that cannot be made leaves the file as it is, and so does one of a file that is wrong."""
        for path in (self.path, str(self.directory / "book.sqlite")):
            self.put(path, LEE)
            before = Path(path).read_bytes()
            self.assertRaises(ValueError, self.put, path, KIM, SAM)
            self.assertEqual(Path(path).read_bytes(), before)
        Path(self.path).write_text("number,jid\nx,y\n")
        self.assertRaises(ConfigError, self.put, self.path, KIM)
        self.assertEqual(Path(self.path).read_text(), "number,jid\nx,y\n")

    def test_failure(self) -> None:
        """If the disk is full the old file is still there, and nothing beside it."""
        self.put(self.path, LEE)

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", full)
        problem = self.assertRaises(ConfigError, self.put, self.path, KIM)
        self.assertIn("cannot be written: No space left on device", str(problem))
        self.assertEqual(self.rows(self.path), [LEE])
        self.assertEqual(len(list(self.directory.iterdir())), 1)

    def test_noDirectory(self) -> None:
        """Where no file can be made that is told."""
        problem = self.assertRaises(ConfigError, self.put, str(self.directory / "none" / "book"), KIM)
        self.assertIn("cannot be written: No such file or directory", str(problem))


class PutTests(SynchronousTestCase):
    """L{edit.put} and L{edit.matching}."""

    def setUp(self) -> None:
        self.table = Table()

    def test_same(self) -> None:
        """What is there already may be put there again."""
        self.assertFalse(edit.put(self.table, LEE))
        self.assertFalse(edit.put(self.table, LEE))
        self.assertRaises(ValueError, edit.put, self.table, SAM)

    def test_replace(self) -> None:
        """Another entry of the same number takes its place only if that is wanted."""
        edit.put(self.table, LEE)
        self.assertTrue(edit.put(self.table, SAM, replaces=True))
        self.assertEqual((self.table.byNumber, self.table.byJID), ({"72": SAM}, {SAM[1]: SAM}))

    def test_full(self) -> None:
        """A book takes only so many."""
        self.patch(entries, "MAX_ENTRIES", 1)
        edit.put(self.table, LEE)
        problem = self.assertRaises(ValueError, edit.put, self.table, KIM)
        self.assertIn("the book is full", str(problem))

    def test_matching(self) -> None:
        """Entries are found by number, however it is written, and by JID."""
        edit.put(self.table, LEE)
        edit.put(self.table, KIM)
        self.assertEqual(edit.matching(self.table, "030 1234", GERMAN), [KIM])
        self.assertEqual(edit.matching(self.table, "Lee@example.com", GERMAN), [LEE])
        for what in ("73", "", "sam@example.com", "x"):
            self.assertEqual(edit.matching(self.table, what, GERMAN), [])
