# -*- test-case-name: ichatgw.test.phonebook.test_book,ichatgw.test.phonebook.test_setup,ichatgw.test.phonebook.test_files -*-  # noqa: E501
"""
Look-ups in the phone book, from numbers to users and back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import unquote

from attrs import define, evolve, field

from ichatgw.errors import ConfigError, NoRoute
from ichatgw.model import Party
from ichatgw.phonebook import csvfile, sqlite
from ichatgw.phonebook.entries import Entry, Row, Table
from ichatgw.phonebook.numbers import Numbering
from ichatgw.runtime.steps import Steps


def load(path: str, numbering: Numbering) -> Steps[Table]:
    """
    Read a phone book, in steps.

    @param path: a CSV or SQLite file; an empty one for none.
    @raise ConfigError: if it cannot be read, or anything is wrong with it; the text has a line for each problem.
    """
    if not path:
        return Table()
    if os.path.exists(path) and not os.path.isfile(path):
        raise ConfigError(f"{path}: cannot be read: name a plain file")
    reader = sqlite.read if sqlite.isSQLite(path) else csvfile.read
    return (yield from reader(path, numbering))


@define(eq=False)
class PhoneBook:
    """
    The book, as a source of routes: it leads from numbers to the users to whom they belong.

    @ivar domain: that of the gateway: users call numbers there.
    @ivar numbering: how numbers are written.
    """

    domain: str
    numbering: Numbering = field(factory=Numbering)
    _table: Table = field(factory=Table, init=False)

    def __len__(self) -> int:
        return len(self._table.byNumber)

    def adopt(self, numbering: Numbering, table: Table) -> Iterator[Row]:
        """
        Be another book from now on.

        @return: what was in the old one, which goes as it is iterated: to let go of all at once would take long.
        """
        old, self._table, self.numbering = self._table, table, numbering
        return _taken(old)

    def find(self, number: str) -> Entry | None:
        """The entry of a number, however it is written; C{None} if there is none."""
        for key in self.numbering.keys(number):
            row = self._table.byNumber.get(key)
            if row is not None:
                return Entry.of(row)
        return None

    def of(self, jid: str) -> Entry | None:
        """The first entry of a user, by the bare JID; C{None} if there is none."""
        row = self._table.byJID.get(jid.lower())
        return None if row is None else Entry.of(row)

    def has(self, jid: str) -> bool:
        """Has that user, by the bare JID, a number?"""
        return jid.lower() in self._table.byJID

    def users(self) -> tuple[str, ...]:
        """The bare JIDs of all users who have a number."""
        return tuple(self._table.byJID)

    def matches(self, address: str) -> bool:
        """Does C{address} hold a number of the book?"""
        return self.called(address) is not None

    def translate(self, address: str) -> str:
        """
        The user whom C{address} stands for.

        @param address: with its scheme, as for L{ichatgw.calls.dialplan.DialPlan.translate}.
        @raise NoRoute: if it holds no number of the book.
        """
        entry = self.called(address)
        if entry is None:
            raise NoRoute("the number is not in the phone book")
        return f"xmpp:{entry.jid}"

    def entryOf(self, party: Party) -> Entry | None:
        """What the book knows of a party, by number or JID."""
        if party.uri.startswith("xmpp:"):
            return self.of(party.uri[5:].partition("/")[0])
        return self.called(party.uri)

    def named(self, party: Party) -> Party:
        """The party under the name of the book, if it has one for it."""
        entry = self.entryOf(party)
        return evolve(party, name=entry.name) if entry is not None and entry.name else party

    def called(self, address: str) -> Entry | None:
        """The entry of the number that C{address} holds; C{None} if there is none."""
        scheme, _, rest = address.partition(":")
        if scheme == "tel":
            return self.find(address)
        user, at, host = rest.rpartition("@")
        if not at or not self._table.byNumber:
            return None
        if scheme == "xmpp":
            return self.find(user) if host.partition("/")[0].lower() == self.domain.lower() else None
        return self.find(_number(user)) if scheme in ("sip", "sips") else None


def _number(user: str) -> str:
    """The number in the user part of a SIP URI (RFC 3261 section 19.1.6), with its context as in C{tel:}."""
    user = unquote(user) if "%" in user else user
    return f"tel:{user}" if ";" in user else user


def _taken(table: Table) -> Iterator[Row]:
    table.byJID, byJID = {}, table.byJID
    while byJID:
        yield byJID.popitem()[1]
    while table.byNumber:
        yield table.byNumber.popitem()[1]
