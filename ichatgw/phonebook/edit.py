# -*- test-case-name: ichatgw.test.phonebook.test_edit -*-
"""
Changes to the file of a phone book.  A CSV file is replaced by a new one, an SQLite file changed in one transaction, so
that who reads it meanwhile sees the old one or the new one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from ichatgw.errors import ConfigError
from ichatgw.phonebook import csvfile, sqlite
from ichatgw.phonebook.book import load
from ichatgw.phonebook.entries import Row, Table
from ichatgw.phonebook.numbers import Numbering
from ichatgw.runtime.steps import atOnce

T = TypeVar("T")

_SQLITE_NAMES = (".sqlite", ".sqlite3", ".db")


def readBook(path: str, numbering: Numbering) -> Table:
    """
    All of a book, at once.

    @raise ConfigError: if it cannot be read.
    """
    return atOnce(load(path, numbering))


def change(path: str, numbering: Numbering, how: Callable[[Table], T]) -> T:
    """
    Change a book, which is made if it is not there: as SQLite if its name ends so, else as CSV.

    @param how: changes the table; what it raises leaves the file as it is.
    @raise ConfigError: if the file cannot be read or written.
    """
    path = os.path.realpath(path)
    try:
        with _alone(os.path.dirname(path)):
            isThere = os.path.exists(path)
            table = readBook(path, numbering) if isThere else Table()
            result = how(table)
            if sqlite.isSQLite(path) if isThere else path.endswith(_SQLITE_NAMES):
                sqlite.write(path, table.byNumber.values())
            else:
                delimiter = csvfile.delimiterOf(path) if isThere else ","
                _replace(path, csvfile.written(table.byNumber.values(), delimiter))
            return result
    except OSError as e:
        raise ConfigError(f"{path}: cannot be written: {e.strerror}") from None


def put(table: Table, row: Row, replaces: bool = False) -> bool:
    """
    Add a row.

    @param replaces: whether it takes the place of one of that number.
    @return: whether it did.
    @raise ValueError: if there is one that is another, or there are too many.
    """
    old = table.byNumber.get(row[0])
    if old == row:
        return False
    if old is not None and replaces:
        table.remove(old)
    if table.isFull:
        raise ValueError("the book is full: take other entries away")
    table.add(row)
    return old is not None


def matching(table: Table, what: str, numbering: Numbering) -> list[Row]:
    """The rows of a number or of a JID; none if there are none."""
    if "@" in what:
        return [row for row in table.byNumber.values() if row[1] == what.lower()]
    return [table.byNumber[key] for key in numbering.keys(what) if key in table.byNumber][:1]


@contextmanager
def _alone(directory: str) -> Iterator[None]:
    """No other process changes a book of this directory meanwhile."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: str, data: bytes) -> None:
    """Put a file with the same mode and owner in the place of another one, or where there was none."""
    directory, name = os.path.split(path)
    fresh = os.path.join(directory, f".{name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if not os.path.exists(path) else 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            _likeBefore(file.fileno(), path)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        with suppress(OSError):
            os.unlink(fresh)
        raise


def _likeBefore(descriptor: int, path: str) -> None:
    with suppress(FileNotFoundError):
        before = os.stat(path)
        with suppress(PermissionError):
            os.fchown(descriptor, before.st_uid, before.st_gid)
        os.fchmod(descriptor, before.st_mode & 0o7777)
