# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading.test_kinds -*-
"""
Settings of the phone book.
"""

from __future__ import annotations

from attrs import frozen
from phonenumbers import SUPPORTED_REGIONS

from ichatgw.config.declared.declare import setting
from ichatgw.config.reading.kinds import READABLE, Kind
from ichatgw.config.reading.reader import Reload

_BOOK = "Phone book"

BOOK_FIRST, RULES_FIRST = "book first", "rules first"


def _country(text: str) -> str:
    if text.upper() not in SUPPORTED_REGIONS:
        raise ValueError(text)
    return text.upper()


def _order(text: str) -> str:
    orders = {"book": BOOK_FIRST, "rules": RULES_FIRST}
    word = text.lower().removesuffix("first").strip(" -")
    if word not in orders:
        raise ValueError(text)
    return orders[word]


COUNTRY: Kind[str] = Kind(_country, "the two letters of a country (ISO 3166), such as DE")
ORDER: Kind[str] = Kind(_order, f"one of {BOOK_FIRST}, {RULES_FIRST}")


@frozen(kw_only=True, slots=False)
class PhoneBookSettings:
    """What the administrator has decided about the phone book."""

    phoneBook: str = setting(
        _BOOK,
        "PhoneBook",
        READABLE,
        "",
        "File that says which number belongs to which user: a CSV file with a header that names its columns (number,"
        " jid, name, outgoing, trunk, groups, org, photo), or an SQLite file with such a table phonebook. If left blank"
        " there is no phone book. See docs/phonebook.rst.",
        reload=Reload.NEW_CALLS,
    )
    phoneBookOrder: str = setting(
        _BOOK,
        "PhoneBookOrder",
        ORDER,
        BOOK_FIRST,
        "What decides on an address that both the phone book and the translation rules know.",
        reload=Reload.NEW_CALLS,
    )
    country: str = setting(
        _BOOK,
        "Country",
        COUNTRY,
        "",
        "The country in which the gateway stands: by its rules numbers without + are read, in the phone book and in"
        " calls (030 1234 and 0049 30 1234 are +49301234 in DE). If left blank only numbers with + are known to be"
        " complete.",
        example="DE",
        reload=Reload.NEW_CALLS,
    )
