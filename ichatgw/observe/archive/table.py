# -*- test-case-name: ichatgw.test.observe.archive.test_table -*-
"""
The tables in which calls are kept that are over: what is done with them at the disk, by its thread.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import closing

from attrs import frozen

from ichatgw.runtime.disk import opened, transaction

SLICE = 5000
"""Calls that are searched in one go: commits wait meanwhile."""

ERASED = 200
"""Calls that are erased in one go."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS past (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " ended REAL NOT NULL, words TEXT NOT NULL, call TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ended ON past (ended)",
    "CREATE TABLE IF NOT EXISTS ladder (name TEXT PRIMARY KEY, whole BLOB NOT NULL) WITHOUT ROWID",
)
_WRITE = "INSERT OR REPLACE INTO past (name, ended, words, call) VALUES (?, ?, ?, ?)"
_WRITE_LADDER = "INSERT OR REPLACE INTO ladder VALUES (?, ?)"
_SEARCH = (
    "SELECT number, name, call FROM past WHERE number >= ? AND number < ? AND instr(words, ?)"
    " ORDER BY number DESC LIMIT ?"
)
_OLD = "SELECT number, name FROM past WHERE ended < ? ORDER BY ended LIMIT ?"


@frozen
class Row:
    """
    A call to be kept.

    @ivar ended: seconds since 1970.
    @ivar words: what it can be found by, in lower case.
    @ivar call: the call for lists.
    @ivar whole: the call with its ladder.
    """

    name: str
    ended: float
    words: str
    call: str
    whole: str


@frozen
class Found:
    """
    A call that was kept.

    @ivar number: later calls have higher ones.
    @ivar call: the call for lists.
    """

    number: int
    name: str
    call: str


def openedTable(path: str) -> sqlite3.Connection:
    """
    @raise sqlite3.Error: if the file cannot be used.
    """
    database = opened(path)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")  # the last calls may be lost with the power, not the file
        for table in _TABLES:
            database.execute(table)
    except BaseException:
        database.close()
        raise
    return database


def write(database: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """
    Keep calls.

    @raise sqlite3.Error: if that cannot be; none is kept then.
    """
    ladders = [(row.name, zlib.compress(row.whole.encode(), 1)) for row in rows]
    with transaction(database) as cursor:
        cursor.executemany(_WRITE, [(row.name, row.ended, row.words, row.call) for row in rows])
        cursor.executemany(_WRITE_LADDER, ladders)


def erase(database: sqlite3.Connection, before: float) -> bool:
    """
    Erase some of those that have ended before that time, the oldest first.

    @param before: seconds since 1970.
    @return: may there be more of them?
    @raise sqlite3.Error: if that cannot be.
    """
    with transaction(database) as cursor:
        old = cursor.execute(_OLD, (before, ERASED)).fetchall()
        cursor.executemany("DELETE FROM past WHERE number = ?", [(number,) for number, _ in old])
        cursor.executemany("DELETE FROM ladder WHERE name = ?", [(name,) for _, name in old])
    return len(old) == ERASED


def search(database: sqlite3.Connection, wanted: str, before: int | None, most: int) -> tuple[list[Found], int | None]:
    """
    The calls that are found by some text among the next L{SLICE} ones, the latest first.

    @param wanted: in lower case; all are found by none.
    @param before: from which number on, downwards; C{None} for the latest.
    @return: also from which number on it has to be searched further; C{None} if there are no more.
    @raise sqlite3.Error: if the file cannot be read.
    """
    with closing(database.cursor()) as cursor:
        if before is None:
            before = _next(cursor, 2**62)
            if before is None:
                return [], None
        least = before - SLICE
        found = [Found(*row) for row in cursor.execute(_SEARCH, (least, before, wanted, most))]
        return found, found[-1].number if len(found) == most else _next(cursor, least)


def _next(cursor: sqlite3.Cursor, before: int) -> int | None:
    [latest] = cursor.execute("SELECT max(number) FROM past WHERE number < ?", (before,)).fetchone()
    return None if latest is None else int(latest) + 1


def find(database: sqlite3.Connection, name: str) -> str | None:
    """
    The whole of one call; C{None} if there is none of that name.

    @raise sqlite3.Error: if the file cannot be read, or what is there.
    """
    with closing(database.cursor()) as cursor:
        row = cursor.execute("SELECT whole FROM ladder WHERE name = ?", (name,)).fetchone()
    if row is None:
        return None
    try:
        return zlib.decompress(row[0]).decode("utf-8", "replace")
    except (zlib.error, TypeError) as problem:
        raise sqlite3.DatabaseError(f"call {name} is damaged: {problem}") from problem
