"""Tests for L{ichatgw.phonebook.entries}, L{ichatgw.phonebook.csvfile} and L{ichatgw.phonebook.sqlite}."""

from __future__ import annotations

import os
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import ConfigError
from ichatgw.phonebook import csvfile, entries, sqlite
from ichatgw.phonebook.book import load
from ichatgw.phonebook.entries import MAX_PROBLEMS, Row, Table
from ichatgw.phonebook.numbers import Numbering
from ichatgw.runtime.steps import atOnce

GERMAN = Numbering("DE")
KIM = ("+49301234", "kim@example.com", "Kim", "+4930100", "telco", "sales support", "Sales", "kim.png")
LEE = ("72", "lee@example.com", "", "", "", "", "", "")


class FileTestCase(SynchronousTestCase):
    """Files are written and read."""

    def setUp(self) -> None:
        self.path = self.mktemp()

    def read(self) -> Table:
        return atOnce(load(self.path, GERMAN))

    def problems(self) -> list[str]:
        """What is wrong, without the path."""
        problem = self.assertRaises(ConfigError, self.read)
        return str(problem).replace(f"{self.path}, ", "").replace(f"{self.path}: ", "").split("\n")


class CSVTests(FileTestCase):
    """Books as CSV files."""

    def write(self, text: str | bytes) -> None:
        Path(self.path).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))

    def rows(self, text: str | bytes) -> list[Row]:
        self.write(text)
        return list(self.read().byNumber.values())

    def wrong(self, text: str | bytes) -> list[str]:
        self.write(text)
        return self.problems()

    def test_all(self) -> None:
        """Every column, in whatever order; only number and JID need be there."""
        self.assertEqual(
            self.rows(
                "number,jid,name,outgoing,trunk,groups,org,photo\n"
                "030 1234,Kim@Example.com,Kim,030 100,telco,sales;support,Sales,kim.png\n"
                "72,lee@example.com,,,,\n"
            ),
            [KIM, LEE],
        )
        self.assertEqual(self.rows("JID , Number\nlee@example.com,72"), [LEE])

    def test_spreadsheets(self) -> None:
        """Semicolons, tabulators, a byte order mark, CR LF, quotation marks, blank lines and rows are taken as well."""
        named = ("72", "lee@example.com", 'Lee, "Lou"; L', "", "", "", "", "")
        for text in (
            'number,jid,name\r\n72,lee@example.com,"Lee, ""Lou""; L"\r\n\r\n,,\r\n',
            '\ufeffnumber;jid;name\r\n"72";lee@example.com;"Lee, ""Lou""; L"\r\n;;\r\n',
            'number\tjid\tname\n72\tlee@example.com\t"Lee, ""Lou""; L"\n',
        ):
            self.assertEqual(self.rows(text), [named], text)
        self.assertEqual(self.rows("number,jid,name,groups\n72,lee@example.com\n"), [LEE])

    def test_umlauts(self) -> None:
        """Names are of any script."""
        (row,) = self.rows("number,jid,name\n72,lee@exämple.com,Łukasz 李\n")
        self.assertEqual(row[1:3], ("lee@exämple.com", "Łukasz 李"))

    def test_wrongLines(self) -> None:
        """Each wrong line is told with its number and what to do; nothing is taken from such a file."""
        self.assertEqual(
            self.wrong(
                b"number,jid,name,groups\n"
                b"72,lee@example.com\n"
                b"+49 30 x,kim@example.com\n"
                b"73,kim\n"
                b"74,kim@example.com/phone\n"
                b"75,kim@example.com,Kim\xff\n"
                b"72,kim@example.com\n"
                b'76,kim@example.com,"Kim\n'
                b"77,kim@example.com,Kim,a,b\n"
                b"78,kim@example.com," + b"K" * 2000 + b"\n"
                b"79,kim@example.com,K\x07\n"
                b",kim@example.com\n"
                b"80,\n"
                b"81,kim@example.com,,a/b\n"
                b"82,xmpp:kim@example.com\n"
                b"83,kim@example.com," + b"K" * 200 + b"\n"
            ),
            [
                "line 3: number '+49 30 x' is no telephone number: write it like +49301234, or as it is dialled",
                "line 4: jid 'kim' is no address of a user: write user@domain, without xmpp: and resource",
                "line 5: jid 'kim@example.com/phone' is no address of a user: write user@domain, without xmpp: and"
                " resource",
                "line 6: not UTF-8: save the file as UTF-8",
                "line 7: number 72 is in line 2 already, for lee@example.com: take one of the two away",
                'line 8: quotation marks do not match: write " twice within a quoted field',
                "line 9: 5 fields, and the header has 4: put quotation marks around a field with ',' in it",
                "line 10: longer than 1024 bytes: shorten it, or close a quotation mark before it",
                "line 11: name 'K\\x07' is no name: write at most 128 printable characters",
                "line 12: number is missing: write it like +49301234, or as it is dialled",
                "line 13: jid is missing: write the address of the user, user@domain",
                "line 14: groups 'a/b' is no name: write letters, digits, and . _ + -",
                "line 15: jid 'xmpp:kim@example.com' is no address of a user: write user@domain, without xmpp: and"
                " resource",
                f"line 16: name '{'K' * 40}' is no name: write at most 128 printable characters",
            ],
        )

    def test_sameInOtherSpelling(self) -> None:
        """A number that is there in another spelling is there."""
        (problem,) = self.wrong("number,jid\n030 1234,kim@example.com\n+49 (0)30/1234,lee@example.com\n")
        self.assertIn("line 3: number +49301234 is in line 2 already, for kim@example.com", problem)

    def test_headers(self) -> None:
        """A header that is missing or wrong is told with what it should be."""
        for text, problem in (
            (b"", "line 1: there is no header: let the first line be number,jid,name,outgoing,trunk,groups,org,photo"),
            (b"72,lee@example.com\n", "line 1: there is no header: let the first line be"),
            (b"\n\n", "line 1: there is no header"),
            (b"number,name\n", "line 1: there is no column jid: the header may have number,jid"),
            (b"number,jid,grups\n", "line 1: column 'grups' is not known: did you mean groups?"),
            (b"number,jid,x\n", "line 1: column 'x' is not known: there are number,jid"),
            (b"number,jid,number\n", "line 1: a column stands there twice: take one away"),
            ("number,jid\n".encode("utf-16"), "line 1: the file is UTF-16: save it as UTF-8"),
            (b"number,jid,name\r72,lee@example.com,Lee\r", "line 1: lines end with CR alone"),
            (b"n\xffmber,jid\n", "line 1: not UTF-8: save the file as UTF-8"),
            (b"number,jid" * 200, "line 1: longer than 1024 bytes"),
            (b'number,"jid\n', "line 1: quotation marks do not match"),
            (os.urandom(3000).replace(b"number", b"") + b"\n", "line 1: "),
        ):
            (found,) = self.wrong(text)
            self.assertTrue(found.startswith(problem), found)

    def test_manyProblems(self) -> None:
        """Of a file that is all wrong only so much is told, and read."""
        problems = self.wrong("number,jid\n" + "x,y\n" * 1000)
        self.assertEqual(len(problems), MAX_PROBLEMS + 1)
        self.assertEqual(problems[-1], "the rest was not read")

    def test_tooMany(self) -> None:
        """A file of more lines than there may be entries is no phone book; nor is one of blank lines, or one line."""
        self.patch(entries, "MAX_ENTRIES", 10)
        self.patch(csvfile, "MAX_ENTRIES", 10)
        rows = "".join(f"{number},lee@example.com\n" for number in range(100, 1100))
        self.assertEqual(self.wrong(f"number,jid\n{rows}"), ["line 12: more than 10 entries: is this the right file?"])
        self.assertEqual(
            self.wrong("number,jid\n" + "\n" * 1000), ["line 21: there are too many lines: is this the right file?"]
        )
        self.assertEqual(
            self.wrong(b"number,jid\n" + b"7" * 1_000_000), ["line 2: longer than 65536 bytes: is this the right file?"]
        )

    def test_million(self) -> None:
        """A million lines are refused in bounded memory."""
        with open(self.path, "wb") as file:
            file.write(b"number,jid\n")
            for _ in range(10):
                file.write(b'+4930,"\xff\n' * 100_000)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.assertEqual(len(self.problems()), MAX_PROBLEMS + 1)
        self.assertLess(tracemalloc.get_traced_memory()[1], 1_000_000)

    def test_unreadable(self) -> None:
        """A file that is not there, or is none, such as a pipe that would be waited for, is told with the reason."""
        self.assertEqual(self.problems(), ["cannot be read: No such file or directory"])
        os.mkfifo(self.path)
        self.assertEqual(self.problems(), ["cannot be read: name a plain file"])

    def test_steps(self) -> None:
        """A long file is read in many steps."""
        self.write("number,jid\n" + "".join(f"{number},lee@example.com\n" for number in range(1000, 3000)))
        self.assertGreaterEqual(sum(1 for _ in load(self.path, GERMAN)), 100)

    def test_written(self) -> None:
        """What is written is read."""
        rows = [KIM, LEE, ("73", "a@b", 'x,"y"; z', "", "", "", "", "")]
        for delimiter in ",;\t":
            self.write(csvfile.written(rows, delimiter))
            self.assertEqual(list(self.read().byNumber.values()), rows)
            self.assertEqual(csvfile.delimiterOf(self.path), delimiter)


class SQLiteTests(FileTestCase):
    """Books as SQLite files."""

    def execute(self, *statements: str | tuple[str, Any]) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            for statement in statements:
                database.execute(*([statement] if isinstance(statement, str) else statement))

    def test_written(self) -> None:
        """What is written is read, and nothing is left of what was there before."""
        sqlite.write(self.path, [LEE])
        sqlite.write(self.path, [KIM])
        self.assertEqual(list(self.read().byNumber.values()), [KIM])

    def test_olderFile(self) -> None:
        """A table that is older than some columns gets them when it is written."""
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute("CREATE TABLE phonebook (number TEXT PRIMARY KEY, jid TEXT, name TEXT)")
        sqlite.write(self.path, [KIM])
        self.assertEqual(list(atOnce(load(self.path, Numbering("DE"))).byNumber.values()), [KIM])

    def test_fewColumns(self) -> None:
        """Number and JID are enough; numbers may be numbers."""
        self.execute("CREATE TABLE phonebook (jid, number)", "INSERT INTO phonebook VALUES ('lee@example.com', 72)")
        self.assertEqual(list(self.read().byNumber.values()), [LEE])

    def test_wrongRows(self) -> None:
        """Each wrong row is told."""
        self.execute("CREATE TABLE phonebook (number, jid, name)")
        for values in (
            ("72", "lee@example.com", None),
            ("72", "kim@example.com", ""),
            (b"73", "kim@example.com", ""),
            ("74", "kim@example.com", "k" * 2000),
            ("75", None, ""),
        ):
            self.execute(("INSERT INTO phonebook VALUES (?, ?, ?)", values))
        self.execute("INSERT INTO phonebook VALUES ('76', 'kim@example.com', CAST(x'ff' AS TEXT))")
        self.assertEqual(
            [problem.partition(": ")[::2] for problem in self.problems()],
            [
                ("row 2", "number 72 is in row 1 already, for lee@example.com: take one of the two away"),
                ("row 3", "a value is no text: keep it as TEXT"),
                ("row 4", "a value is longer than 1024 bytes: shorten it"),
                ("row 5", "jid is missing: write the address of the user, user@domain"),
                ("row 6", "a value is not UTF-8, or holds what cannot be printed: write it anew"),
            ],
        )

    def test_wrongTables(self) -> None:
        """A file without the table or a column, with a view in its place, or that is broken, is told."""
        self.execute("CREATE TABLE other (a)")
        self.assertIn("there is no table phonebook: make one, CREATE TABLE", self.problems()[0])
        self.execute("CREATE VIEW phonebook AS SELECT 1 AS number, 'a@b' AS jid")
        self.assertIn("there is no table phonebook", self.problems()[0])
        self.execute("DROP VIEW phonebook", "CREATE TABLE phonebook (number, jit)")
        self.assertIn("there is no column jid", self.problems()[0])
        Path(self.path).write_bytes(sqlite.MAGIC + b"x" * 5000)
        self.assertIn("take the file from a backup", self.problems()[0])

    def test_locked(self) -> None:
        """A file that somebody writes to is not waited for."""
        sqlite.write(self.path, [LEE])
        with closing(sqlite3.connect(self.path)) as database:
            database.execute("BEGIN EXCLUSIVE")
            self.assertIn("database is locked: try again", self.problems()[0])
        self.assertEqual(len(self.read().byNumber), 1)

    def test_unwritable(self) -> None:
        """If it cannot be written that is told."""
        problem = self.assertRaises(ConfigError, sqlite.write, self.mktemp() + "/none", [LEE])
        self.assertIn("cannot be written", str(problem))
