# -*- test-case-name: ichatgw.test.command.test_phonebook,ichatgw.test.command.test_calls -*-
"""
C{ichatgw phonebook}: looks into the phone book, and changes it.
"""

from __future__ import annotations

import os
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from typing import Any

from attrs import asdict, frozen

from ichatgw.command.result import Result, takesJSON
from ichatgw.config.reading.reader import DEFAULT_FILE, Reader, readFile
from ichatgw.config.settings import TABLE
from ichatgw.errors import ConfigError
from ichatgw.phonebook import edit
from ichatgw.phonebook.entries import Entry, Row, Table, rowOf
from ichatgw.phonebook.numbers import COUNTRIES, Numbering
from ichatgw.runtime.steps import atOnce

HELP = "look into the phone book, and change it"

_HUP = "the gateway reads it at SIGHUP"


@frozen
class _Book:
    """The file to work on, and how its numbers are written."""

    path: str
    numbering: Numbering


def declare(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.set_defaults(book=None, country=None, config=None)
    _declareBook(parser)
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, does: Callable[[_Book, Namespace], Result], about: str) -> ArgumentParser:
        made = actions.add_parser(name, help=about, description=about)
        made.set_defaults(does=does)
        takesJSON(made)
        _declareBook(made)
        return made

    adding = action("add", _add, "add an entry")
    adding.add_argument("number", metavar="NUMBER")
    adding.add_argument("jid", metavar="JID")
    adding.add_argument("--name", default="", help="the name of the user, for people")
    adding.add_argument("--outgoing", default="", metavar="NUMBER", help="the number that called parties get to see")
    adding.add_argument("--trunk", default="", help="the name of the trunk for calls of this user")
    adding.add_argument("--group", action="append", default=[], help="a group of the user; may be given repeatedly")
    adding.add_argument("--org", default="", help="the organisation of the user, for people")
    adding.add_argument("--photo", default="", metavar="FILE", help="a picture of the user, PNG, JPEG, GIF or WebP")
    removing = action("remove", _remove, "take entries away")
    removing.add_argument("what", metavar="NUMBER|JID", nargs="+")
    listing = action("list", _list, "show the entries")
    listing.add_argument("what", metavar="NUMBER|JID", nargs="*", help="only these")
    importing = action("import", _import, "take over the entries of another book")
    importing.add_argument("file", metavar="FILE", help="a CSV or SQLite file")
    for each in (adding, importing):
        each.add_argument(
            "--replace", action="store_true", help="put entries in the place of those of the same numbers"
        )


def _declareBook(parser: ArgumentParser) -> None:
    """Before the action or behind it."""

    def option(name: str, metavar: str, about: str) -> None:
        parser.add_argument(name, metavar=metavar, default=SUPPRESS, help=about)

    option("--book", "FILE", "the phone book; if not given, that of the configuration")
    option("--country", "XX", "such as DE; if not given, that of the configuration")
    option("--config", "FILE", f"the configuration; if not given, {DEFAULT_FILE} here")


def run(arguments: Namespace) -> Result:
    """
    Do what is asked for.

    @raise ConfigError: if that cannot be.
    """
    does: Callable[[_Book, Namespace], Result] = arguments.does
    return does(_bookOf(arguments), arguments)


def _bookOf(arguments: Namespace) -> _Book:
    path, country = arguments.book, arguments.country
    if path is None or (country is None and arguments.config):
        reader = Reader(TABLE)
        config = arguments.config or DEFAULT_FILE
        if not os.path.exists(config):
            raise ConfigError(f"there is no {config}: name the configuration by --config, or the phone book by --book")
        atOnce(reader.take(readFile(config, reader)))
        entry = reader.entries.get("phoneBook")
        path = path or (entry.value if entry is not None else "")
        country = country or reader.values.get("country", "")
        if not path:
            raise ConfigError(f"{config} has no PhoneBook: add that setting, or name the phone book by --book")
    country = (country or "").upper()
    if country and country not in COUNTRIES:
        raise ConfigError(f"{country[:20]!r} is no country: use its two letters of ISO 3166, such as DE")
    return _Book(path, Numbering(country))


def _add(book: _Book, arguments: Namespace) -> Result:
    values = {
        "number": arguments.number,
        "jid": arguments.jid,
        "name": arguments.name,
        "outgoing": arguments.outgoing,
        "trunk": arguments.trunk,
        "groups": " ".join(arguments.group),
        "org": arguments.org,
        "photo": arguments.photo,
    }
    row = _checked(lambda: rowOf(values, book.numbering))
    _change(book, lambda table: _put(table, [row], arguments.replace))
    return Result(f"{row[0]} is {row[1]} now; {_HUP}", _shown(row))


def _import(book: _Book, arguments: Namespace) -> Result:
    rows = list(edit.readBook(arguments.file, book.numbering).byNumber.values())
    _change(book, lambda table: _put(table, rows, arguments.replace))
    return Result(f"{_entries(rows)} taken over; {_HUP}", {"imported": len(rows)})


def _put(table: Table, rows: Iterable[Row], replaces: bool) -> None:
    for row in rows:
        try:
            edit.put(table, row, replaces)
        except ValueError as problem:
            hint = "" if replaces else ", or use --replace"
            raise ValueError(f"{problem}{hint}") from None


def _remove(book: _Book, arguments: Namespace) -> Result:
    def remove(table: Table) -> list[Row]:
        gone = []
        for what in arguments.what:
            rows = _matching(table, what, book)
            gone += rows
            for row in rows:
                table.remove(row)
        return gone

    gone = _change(book, remove)
    return Result(f"{_entries(gone)} taken away; {_HUP}", {"removed": list(map(_shown, gone))})


def _list(book: _Book, arguments: Namespace) -> Result:
    table = edit.readBook(book.path, book.numbering)
    rows = list(table.byNumber.values())
    if arguments.what:
        rows = [row for what in arguments.what for row in _matching(table, what, book)]
    return Result("\n".join("\t".join(row) for row in rows), list(map(_shown, rows)))


def _matching(table: Table, what: str, book: _Book) -> list[Row]:
    rows = edit.matching(table, what, book.numbering)
    if not rows:
        raise ConfigError(f"{book.path} has no {what[:80]!r}: see ichatgw phonebook list")
    return rows


def _change(book: _Book, how: Callable[[Table], Any]) -> Any:
    return _checked(lambda: edit.change(book.path, book.numbering, how))


def _checked(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except ValueError as problem:
        raise ConfigError(str(problem)) from None


def _shown(row: Row) -> dict[str, Any]:
    return asdict(Entry.of(row))


def _entries(rows: list[Row]) -> str:
    return "1 entry" if len(rows) == 1 else f"{len(rows)} entries"
