# -*- test-case-name: ichatgw.test.phonebook.test_numbers,ichatgw.test.trunks.test_rights -*-
"""
Telephone numbers as people and servers write them, and the one spelling under which each is kept: in full, as E.164 has
it (C{+49301234}), or as it is dialled (C{72}, C{*21#}) if it counts only here.

What numbers look like in each country is C{phonenumbers}' business.  It needs 30 us for one, so what it would make of
the usual spellings is said without asking it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneMetadata, PhoneNumberFormat

from ichatgw.address import inFull

LONGEST = 256
"""Characters of a number as it is written, with what stands behind it."""

_KEPT = 4096
"""Numbers in unusual spellings of which it is remembered what they are."""

_MARKS = {ord(mark): None for mark in " \t-.()/\u00a0\u2010\u2011\u2012\u2013"}
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
_DIGITS = re.compile("[0-9]{3,15}")
_IN_FULL = re.compile(r"\+[1-9][0-9]{7,14}")

COUNTRIES: frozenset[str] = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""The countries that there are, in two capital letters (ISO 3166)."""


class Numbering:
    """
    How numbers are written in a country.

    @param country: one of L{COUNTRIES}; if it is empty, only numbers that begin with C{+} are told from those that
        count only here.
    """

    def __init__(self, country: str = "") -> None:
        self.country = country
        home = PhoneMetadata.metadata_for_region(country) if country else None
        self._code = str(home.country_code) if home else ""
        self._abroad = re.compile(home.international_prefix) if home and home.international_prefix else None
        self._trunk = home.national_prefix or "" if home else ""
        isSimple = home is not None and home.national_prefix_for_parsing == self._trunk
        description = home.general_desc.national_number_pattern if home and home.general_desc else None
        self._isBare = bool(country) and _isBare(country)
        self._national = re.compile(description) if isSimple and self._trunk and description else None
        self._lengths = home.general_desc.possible_length if home and home.general_desc else ()
        self._prefixes: dict[str, re.Pattern[str] | None] = {}
        self._thorough = lru_cache(maxsize=_KEPT)(self._byLibrary)

    @property
    def code(self) -> str:
        """The digits that stand for the country in numbers that are in full; empty if there is none."""
        return self._code

    @property
    def trunk(self) -> str:
        """What people of the country dial before a national number; empty for nothing."""
        return self._trunk

    def normalise(self, text: str) -> str:
        """
        The spelling under which a number is kept.

        @param text: as a person has written it, with or without C{tel:} and what stands behind it (RFC 3966).
        @raise ValueError: if it is no telephone number.
        """
        number = _plain(text)
        return self._usual(number) or self._thorough(number)

    def keys(self, text: str) -> Iterator[str]:
        """
        The spellings under which a called number may be kept, the likeliest first: also that with the C{+} that some
        servers leave away.
        """
        try:
            number = _plain(text)
            if _DIGITS.fullmatch(number):
                yield from self._likely(number)
            number = self._usual(number) or self._thorough(number)
        except ValueError:
            return
        yield number
        if _DIGITS.fullmatch(number):
            yield f"+{number}"

    def _likely(self, digits: str) -> Iterator[str]:
        """What would take long to find out, and is the number if there is an entry for it."""
        yield digits
        if self._isBare:
            yield f"+{self._code}{digits}"
        if self._code and digits.startswith(self._code):
            yield f"+{digits}"

    def _usual(self, number: str) -> str | None:
        """What the library would say; C{None} if it has to be asked."""
        if not number.startswith("+"):
            match = self._abroad.match(number) if self._abroad is not None else None
            if match is None:
                return self._domestic(number)
            number = f"+{number[match.end() :]}"
        if not _IN_FULL.fullmatch(number):
            return None
        for length in (2, 3, 1):
            code = number[1 : 1 + length]
            if int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
                prefix = self._prefix(code)
                return number if prefix is None or not prefix.match(number, 1 + length) else None
        return None

    def _domestic(self, number: str) -> str | None:
        if self._national is None or not number.isascii() or not number.isdigit():
            return None
        rest = number[len(self._trunk) :]
        if not number.startswith(self._trunk) or number.startswith(self._code) or len(rest) not in self._lengths:
            return None
        return f"+{self._code}{rest}" if self._national.fullmatch(rest) else None

    def _prefix(self, code: str) -> re.Pattern[str] | None:
        """What people of a country dial before a national number, and at times write where it does not belong."""
        if code not in self._prefixes:
            region = phonenumbers.region_code_for_country_code(int(code))
            data = PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
            prefix = data.national_prefix_for_parsing if data is not None else None
            self._prefixes[code] = re.compile(prefix) if prefix else None
        return self._prefixes[code]

    def _byLibrary(self, number: str) -> str:
        """
        @raise ValueError: if it is no telephone number.
        """
        try:
            parsed = phonenumbers.parse(number, self.country or None, keep_raw_input=True)
        except phonenumbers.NumberParseException:
            parsed = None
        if parsed is not None and self._isMeant(parsed, number):
            return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
        if not _NUMBER.fullmatch(number):
            raise ValueError("no telephone number")
        return number

    def _isMeant(self, parsed: phonenumbers.PhoneNumber, number: str) -> bool:
        """Does it count everywhere?  A number that could be an extension is one."""
        if not re.fullmatch(r"\W?\d+", number):
            return False  # letters and keys are dialled, and are no part of a number
        source = parsed.country_code_source
        if source in (CountryCodeSource.FROM_NUMBER_WITH_PLUS_SIGN, CountryCodeSource.FROM_NUMBER_WITH_IDD):
            return True
        if source != CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN and self._trunk and number.startswith(self._trunk):
            return phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE
        if not phonenumbers.is_valid_number(parsed):
            return False
        if source == CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN:
            return True
        national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        return phonenumbers.normalize_digits_only(national) == phonenumbers.normalize_digits_only(number)


def _plain(text: str) -> str:
    """
    A number without marks for the eye.

    @raise ValueError: if it is none.
    """
    if len(text) > LONGEST:
        raise ValueError("longer than a telephone number")
    number = (inFull(unquote(text[4:])) if text[:4].lower() == "tel:" else text).translate(_MARKS)
    if number.isascii() and not _NUMBER.fullmatch(number):
        raise ValueError("no telephone number")
    return number


def _isBare(country: str) -> bool:
    """Are national numbers dialled there with nothing before them?"""
    example = phonenumbers.example_number(country)
    if example is None:
        return False
    national = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)
    return phonenumbers.normalize_digits_only(national) == str(example.national_number)
