"""
Tests for L{ichatgw.observe.archive.table}.
"""

from __future__ import annotations

import os
import sqlite3

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.observe.archive import table
from ichatgw.observe.archive.table import Row, erase, find, openedTable, search, write


def row(number: int, words: str = "", name: str = "") -> Row:
    """One of many calls."""
    name = name or f"c-{number}"
    return Row(name, 1000.0 + number, f"{name}\n{words}".lower(), f"call {number}", f"whole {number}")


class TableTests(SynchronousTestCase):
    """What is kept."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.database = openedTable(self.path)
        self.addCleanup(self.database.close)

    def all(self, wanted: str = "", most: int = 100) -> list[str]:
        """The names of all that are found, in parts."""
        names: list[str] = []
        found, before = search(self.database, wanted, None, most)
        while True:
            names += [each.name for each in found]
            if before is None:
                return names
            found, before = search(self.database, wanted, before, most)

    def test_file(self) -> None:
        """The file is for our user alone, and what is there is found when it is opened again."""
        self.assertEqual(os.stat(self.path).st_mode & 0o077, 0)
        write(self.database, [row(1)])
        self.database.close()
        self.database = openedTable(self.path)
        self.assertEqual((self.all(), find(self.database, "c-1")), (["c-1"], "whole 1"))

    def test_noDatabase(self) -> None:
        """A file that is none is an error, and stays as it is."""
        path = self.mktemp()
        with open(path, "w", encoding="utf-8") as file:
            file.write("a letter to a friend " * 100)
        self.assertRaises(sqlite3.Error, openedTable, path)
        with open(path, encoding="utf-8") as file:
            self.assertTrue(file.read().startswith("a letter"))

    def test_search(self) -> None:
        """Calls are found by their words, the latest first, however many parts that takes."""
        self.patch(table, "SLICE", 7)
        self.assertEqual(self.all(), [])
        write(self.database, [row(number, "Bob%_" if number % 10 == 3 else "sip:al'ice") for number in range(50)])
        names = [f"c-{number}" for number in reversed(range(50))]
        for most in (1, 3, 100):
            self.assertEqual(self.all(most=most), names)
            self.assertEqual(self.all("bob%_", most), ["c-43", "c-33", "c-23", "c-13", "c-3"])
            self.assertEqual(self.all("al'ice", most), [name for name in names if not name.endswith("3")])
            self.assertEqual(self.all("%", most), self.all("bob", most))
            self.assertEqual(self.all("nobody", most), [])

    def test_twice(self) -> None:
        """A call that is written again is there once, as it was last."""
        write(self.database, [row(1), row(2)])
        write(self.database, [row(3, name="c-1")])
        self.assertEqual((self.all(), find(self.database, "c-1")), (["c-1", "c-2"], "whole 3"))

    def test_missing(self) -> None:
        """What is not there is nothing, and what is damaged is an error of the database."""
        self.assertIsNone(find(self.database, "c-9"))
        self.database.execute("INSERT INTO ladder VALUES ('c-9', 'xyz')")
        self.assertRaises(sqlite3.Error, find, self.database, "c-9")

    def test_erase(self) -> None:
        """Old calls go in parts, with their ladders, the oldest first."""
        self.patch(table, "ERASED", 4)
        write(self.database, [row(number) for number in range(10)])
        left = []
        for _ in range(3):
            hasMore = erase(self.database, 1006.0)
            left.append((hasMore, len(self.all())))
        self.assertEqual(left, [(True, 6), (False, 4), (False, 4)])
        self.assertEqual(self.all(), ["c-9", "c-8", "c-7", "c-6"])
        self.assertEqual(self.database.execute("SELECT count(*) FROM ladder").fetchone(), (4,))

    def test_numbers(self) -> None:
        """A number is never used again, so that a page that is turned shows no call twice."""
        write(self.database, [row(1)])
        [first], _ = search(self.database, "", None, 5)
        erase(self.database, 1e12)
        write(self.database, [row(2)])
        [second], _ = search(self.database, "", None, 5)
        self.assertGreater(second.number, first.number)
