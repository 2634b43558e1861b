# -*- test-case-name: ichatgw.test.phonebook.test_files,ichatgw.test.phonebook.test_book,ichatgw.test.phonebook.test_edit -*-  # noqa: E501
"""
The entries of a phone book, whatever file they are kept in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NoReturn

from attrs import define, field, frozen

from ichatgw.errors import ConfigError
from ichatgw.phonebook.numbers import Numbering

COLUMNS = ("number", "jid", "name", "outgoing", "trunk", "groups", "org", "photo")
REQUIRED = COLUMNS[:2]

MAX_ENTRIES = 200_000
"""Entries of a book, each of half a kilobyte."""

MAX_PROBLEMS = 20
"""Problems that are told of one file."""

MAX_NAME = 128

MAX_PATH = 512
"""Characters of the name of a file."""

_FOR_PEOPLE = (("name", MAX_NAME), ("org", MAX_NAME), ("photo", MAX_PATH))
_JID = re.compile(r"""[^\x00-\x20"&'/:<>@\x7f]{1,255}@[^\x00-\x20"&'/:<>@,;\x7f]{1,255}""")
_WORD = re.compile(r"[\w.+-]{1,64}")
_SEPARATORS = re.compile(r"[\s,;|]+")

Row = tuple[str, str, str, str, str, str, str, str]
"""An entry as it is kept, for its size: the values of L{COLUMNS}, the groups with blanks between them."""


@frozen
class Entry:
    """
    What is known of a number.

    @ivar number: in full, as E.164 has it, or as it is dialled.
    @ivar jid: of the user to whom it belongs, in lower case.
    @ivar name: of that user, for people.
    @ivar outgoing: the number that who is called by this user gets to see; that of the entry if it is empty.
    @ivar trunk: the name of that by which this user calls; empty for any.
    @ivar groups: to which the user belongs.
    @ivar org: the organisation, for people.
    @ivar photo: the file with a picture of the user; empty if there is none.
    """

    number: str
    jid: str
    name: str = ""
    outgoing: str = ""
    trunk: str = ""
    groups: tuple[str, ...] = ()
    org: str = ""
    photo: str = ""

    @classmethod
    def of(cls, row: Row) -> Entry:
        """The entry in a row."""
        return cls(*row[:5], tuple(row[5].split()), *row[6:])

    @property
    def row(self) -> Row:
        """How it is kept."""
        groups = " ".join(self.groups)
        return self.number, self.jid, self.name, self.outgoing, self.trunk, groups, self.org, self.photo

    @property
    def shown(self) -> str:
        """The number that others get to see."""
        return self.outgoing or self.number


def rowOf(values: Mapping[str, str], numbering: Numbering) -> Row:
    """
    The row for the values of some columns.

    @raise ValueError: if one is wrong; the text says which, and what to do.
    """
    get = values.get
    number = _number("number", get("number", ""), numbering)
    jid = get("jid", "").strip().lower()
    if not jid:
        raise ValueError("jid is missing: write the address of the user, user@domain")
    if not _JID.fullmatch(jid):
        raise ValueError(f"jid {_shown(jid)} is no address of a user: write user@domain, without xmpp: and resource")
    name, org, photo = (_printable(column, get(column, ""), most) for column, most in _FOR_PEOPLE)
    outgoing = get("outgoing", "").strip()
    trunk = get("trunk", "").strip()
    groups = _SEPARATORS.sub(" ", get("groups", "").strip())
    if outgoing:
        outgoing = _number("outgoing", outgoing, numbering)
    for column, words in (("trunk", trunk and [trunk]), ("groups", groups.split())):
        for word in words:
            if not _WORD.fullmatch(word):
                raise ValueError(f"{column} {_shown(word)} is no name: write letters, digits, and . _ + -")
    return number, jid, name, outgoing, trunk, groups, org, photo


def _printable(column: str, text: str, most: int) -> str:
    text = text.strip()
    if len(text) > most or not text.isprintable():
        raise ValueError(f"{column} {_shown(text)} is no {column}: write at most {most} printable characters")
    return text


def _number(column: str, text: str, numbering: Numbering) -> str:
    if not text.strip():
        raise ValueError(f"{column} is missing: write it like +49301234, or as it is dialled")
    try:
        return numbering.normalise(text.strip())
    except ValueError:
        raise ValueError(
            f"{column} {_shown(text)} is no telephone number: write it like +49301234, or as it is dialled"
        ) from None


def _shown(text: str) -> str:
    return repr(text[:40])


def checkColumns(columns: list[str]) -> None:
    """@raise ValueError: if a book with these columns cannot be read; the text says why, and what to do."""
    wanted = ",".join(COLUMNS)
    missing = [column for column in REQUIRED if column not in columns]
    if len(missing) == len(REQUIRED):
        raise ValueError(f"there is no header: let the first line be {wanted}")
    if missing:
        raise ValueError(f"there is no column {missing[0]}: the header may have {wanted}")
    for column in columns:
        if column not in COLUMNS:
            near = get_close_matches(column, COLUMNS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {wanted}"
            raise ValueError(f"column {column[:40]!r} is not known: {hint}")
    if len(set(columns)) < len(columns):
        raise ValueError("a column stands there twice: take one away")


@define(eq=False)
class Table:
    """
    The entries of a book, by number and by JID.

    @ivar byNumber: by number.
    @ivar byJID: of each JID the first one.
    """

    byNumber: dict[str, Row] = field(factory=dict)
    byJID: dict[str, Row] = field(factory=dict)

    def add(self, row: Row) -> None:
        """
        Add a row.

        @raise ValueError: if there is one of that number, or there are too many; the text says what to do.
        """
        known = self.byNumber.get(row[0])
        if known is not None:
            raise ValueError(f"number {row[0]} is there already, for {known[1]}: take one of the two away")
        self.byNumber[row[0]] = row
        self.byJID.setdefault(row[1], row)

    def remove(self, row: Row) -> None:
        """Take a row away."""
        del self.byNumber[row[0]]
        if self.byJID[row[1]] == row:
            others = (each for each in self.byNumber.values() if each[1] == row[1])
            other = next(others, None)
            if other is None:
                del self.byJID[row[1]]
            else:
                self.byJID[row[1]] = other

    @property
    def isFull(self) -> bool:
        """Is there no room for another entry?"""
        return len(self.byNumber) >= MAX_ENTRIES


@define(eq=False)
class Collected:
    """
    Makes a table of what a file says, and collects what is wrong with it.

    @ivar path: names the file in what is said.
    @ivar word: what its entries are called there.
    """

    path: str
    numbering: Numbering
    word: str = "line"
    table: Table = field(factory=Table, init=False)
    _places: dict[str, int] = field(factory=dict, init=False)
    _problems: list[str] = field(factory=list, init=False)

    def add(self, place: int, values: Mapping[str, str]) -> None:
        """
        Take an entry.

        @raise ConfigError: if that is one too many, or the last problem that is worth telling.
        """
        if self.table.isFull:
            self.stop(place, f"more than {MAX_ENTRIES} entries: is this the right file?")
        try:
            row = rowOf(values, self.numbering)
        except ValueError as problem:
            self.wrong(place, str(problem))
            return
        first = self._places.setdefault(row[0], place)
        if first == place:
            self.table.add(row)
        else:
            owner = self.table.byNumber[row[0]][1]
            self.wrong(
                place, f"number {row[0]} is in {self.word} {first} already, for {owner}: take one of the two away"
            )

    def wrong(self, place: int, problem: str) -> None:
        """
        Note a problem.

        @raise ConfigError: if there are enough of them.
        """
        self._problems.append(f"{self.path}, {self.word} {place}: {problem}")
        if len(self._problems) >= MAX_PROBLEMS:
            self._problems.append(f"{self.path}: the rest was not read")
            raise ConfigError("\n".join(self._problems))

    def stop(self, place: int, problem: str) -> NoReturn:
        """
        There is no sense in reading on.

        @raise ConfigError: always.
        """
        raise ConfigError("\n".join([*self._problems, f"{self.path}, {self.word} {place}: {problem}"]))

    def end(self) -> Table:
        """
        All has been read.

        @raise ConfigError: if there were problems.
        """
        if self._problems:
            raise ConfigError("\n".join(self._problems))
        return self.table
