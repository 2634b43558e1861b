# -*- test-case-name: ichatgw.test.phonebook.test_setup -*-
"""
Puts the phone book together, from the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ichatgw.config.declared.phonebook import BOOK_FIRST
from ichatgw.config.reload import LongReloadable
from ichatgw.config.settings import Settings
from ichatgw.phonebook.book import PhoneBook, load
from ichatgw.phonebook.entries import Row, Table
from ichatgw.phonebook.numbers import Numbering
from ichatgw.phonebook.routes import Routes, Source
from ichatgw.runtime.steps import Steps, atOnce
from ichatgw.runtime.turns import Sweep, Turns


def routesOf(turns: Turns, rules: Source, settings: Settings) -> tuple[Routes, LongReloadable]:
    """
    The rules and the phone book as one, and what reads the book again.

    @raise ConfigError: if it cannot be read, or anything is wrong with it.
    """
    routes = Routes(rules, PhoneBook(settings.jabberComponentName))
    atOnce(_newBook(turns, routes, settings))()
    return routes, LongReloadable(("phoneBook", "phoneBookOrder", "country"), partial(_newBook, turns, routes))


def _newBook(turns: Turns, routes: Routes, settings: Settings) -> Steps[Callable[[], str | None]]:
    numbering = Numbering(settings.country)
    table = yield from load(settings.phoneBook, numbering)
    return partial(_use, turns, routes, numbering, table, settings.phoneBookOrder == BOOK_FIRST)


def _use(turns: Turns, routes: Routes, numbering: Numbering, table: Table, bookFirst: bool) -> str | None:
    before, count = len(routes.book), len(table.byNumber)
    letsGo: Sweep[Row] = turns.sweep(lambda row: None)
    letsGo.start(routes.book.adopt(numbering, table))
    routes.bookFirst = bookFirst
    return f"numbers in the phone book: {count}, before: {before}" if count or before else None
