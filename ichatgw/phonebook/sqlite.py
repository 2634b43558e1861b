# -*- test-case-name: ichatgw.test.phonebook.test_files -*-
"""
A phone book as a table C{phonebook} of an SQLite file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from ichatgw.errors import ConfigError
from ichatgw.phonebook.csvfile import MAX_LINE
from ichatgw.phonebook.entries import COLUMNS, Collected, Row, Table, checkColumns
from ichatgw.phonebook.numbers import Numbering
from ichatgw.runtime.steps import Steps

MAGIC = b"SQLite format 3\0"
_ROWS_A_STEP = 20
_ANSWER_TIMEOUT = 5.0
"""Seconds that a change waits for another one."""

_MAKE = (
    "CREATE TABLE IF NOT EXISTS phonebook (number TEXT PRIMARY KEY NOT NULL, jid TEXT NOT NULL,"
    " name TEXT NOT NULL DEFAULT '', outgoing TEXT NOT NULL DEFAULT '', trunk TEXT NOT NULL DEFAULT '',"
    " groups TEXT NOT NULL DEFAULT '', org TEXT NOT NULL DEFAULT '', photo TEXT NOT NULL DEFAULT '')"
)


def isSQLite(path: str) -> bool:
    """
    Is this an SQLite file?

    @raise ConfigError: if it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as e:
        raise ConfigError(f"{path}: cannot be read: {e.strerror}") from None


def read(path: str, numbering: Numbering) -> Steps[Table]:
    """
    Read a file in steps.

    @raise ConfigError: if it cannot be read, or any row is wrong; the text has a line for each problem.
    """
    try:
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as database:
            database.text_factory = _text
            return (yield from _read(database, Collected(path, numbering, "row")))
    except sqlite3.OperationalError as e:
        raise ConfigError(f"{path}: {e}: try again, or look at the file with sqlite3") from None
    except sqlite3.DatabaseError as e:
        raise ConfigError(f"{path}: {e}: take the file from a backup") from None


def _read(database: sqlite3.Connection, collected: Collected) -> Steps[Table]:
    if database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'phonebook'").fetchone() is None:
        raise ConfigError(f"{collected.path}: there is no table phonebook: make one, {_MAKE}")
    columns = [str(row[1]).lower() for row in database.execute("PRAGMA table_info(phonebook)")]
    try:
        checkColumns(columns)
    except ValueError as problem:
        raise ConfigError(f"{collected.path}: {problem}") from None
    rows = database.execute(f"SELECT rowid, {', '.join(columns)} FROM phonebook ORDER BY rowid")
    while some := rows.fetchmany(_ROWS_A_STEP):
        yield
        for place, *values in some:
            try:
                texts = [_value(value) for value in values]
                if not "".join(texts).isprintable():
                    raise ValueError("a value is not UTF-8, or holds what cannot be printed: write it anew")
            except ValueError as problem:
                collected.wrong(place, str(problem))
            else:
                collected.add(place, dict(zip(columns, texts, strict=True)))
    return collected.end()


def write(path: str, rows: Iterable[Row]) -> None:
    """
    Let the table hold these rows and no others: all of it, or nothing.

    @raise ConfigError: if that cannot be.
    """
    try:
        with closing(sqlite3.connect(path, timeout=_ANSWER_TIMEOUT)) as database, database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(_MAKE)
            there = {str(row[1]).lower() for row in database.execute("PRAGMA table_info(phonebook)")}
            for column in COLUMNS:
                if column not in there:  # the file is older than the column
                    database.execute(f"ALTER TABLE phonebook ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
            database.execute("DELETE FROM phonebook")
            marks = ", ".join("?" * len(COLUMNS))
            database.executemany(f"INSERT INTO phonebook ({', '.join(COLUMNS)}) VALUES ({marks})", rows)
    except sqlite3.Error as e:
        raise ConfigError(f"{path}: cannot be written: {e}") from None


def _text(data: bytes) -> str:
    """Text of whatever octets; those that are no UTF-8 become characters that cannot be printed."""
    return data[: MAX_LINE + 1].decode("utf-8", "surrogateescape")


def _value(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str | None):
        raise ValueError("a value is no text: keep it as TEXT")
    if value is not None and len(value) > MAX_LINE:
        raise ValueError(f"a value is longer than {MAX_LINE} bytes: shorten it")
    return value or ""
