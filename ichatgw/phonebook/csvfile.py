# -*- test-case-name: ichatgw.test.phonebook.test_files -*-
"""
A phone book as a CSV file (RFC 4180) with a header, in UTF-8, as spreadsheets write it: with commas, semicolons or
tabulators.  Each entry is one line.
"""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterable
from typing import BinaryIO

from ichatgw.errors import ConfigError
from ichatgw.phonebook.entries import COLUMNS, MAX_ENTRIES, Collected, Row, Table, checkColumns
from ichatgw.phonebook.numbers import Numbering
from ichatgw.runtime.steps import Steps

MAX_LINE = 1024
"""Bytes of a line."""

_FAR_TOO_LONG = 1 << 16
_LINES_A_STEP = 20
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = ",;\t"


def read(path: str, numbering: Numbering) -> Steps[Table]:
    """
    Read a file in steps.

    @raise ConfigError: if it cannot be read, or any line is wrong; the text has a line for each problem.
    """
    try:
        with open(path, "rb") as file:
            return (yield from _read(file, Collected(path, numbering)))
    except OSError as e:
        raise ConfigError(f"{path}: cannot be read: {e.strerror}") from None


def _read(file: BinaryIO, collected: Collected) -> Steps[Table]:
    columns, delimiter = _header(_line(file, 1, collected), collected)
    number = 2
    while data := _line(file, number, collected):
        if number % _LINES_A_STEP == 0:
            yield
        if number > 2 * MAX_ENTRIES:
            collected.stop(number, "there are too many lines: is this the right file?")
        try:
            fields = _fields(data, delimiter)
            if len(fields) > len(columns):
                raise ValueError(
                    f"{len(fields)} fields, and the header has {len(columns)}: put quotation marks around a field with"
                    f" {delimiter!r} in it"
                )
        except ValueError as problem:
            collected.wrong(number, str(problem))
        else:
            if fields:
                collected.add(number, dict(zip(columns, fields, strict=False)))
        number += 1
    return collected.end()


def delimiterOf(path: str) -> str:
    """What stands between the fields of a file that can be read."""
    with open(path, "rb") as file:
        return _delimiter(file.readline(MAX_LINE))


def written(rows: Iterable[Row], delimiter: str = ",") -> bytes:
    """A file with these rows."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def _line(file: BinaryIO, number: int, collected: Collected) -> bytes:
    """
    The next line, or the start of one that is too long; empty at the end.

    @raise ConfigError: if it has no end.
    """
    data = file.readline(MAX_LINE + 2)
    if len(data) > MAX_LINE and not data.endswith(b"\n"):
        rest = file.readline(_FAR_TOO_LONG)
        if len(rest) == _FAR_TOO_LONG and not rest.endswith(b"\n"):
            collected.stop(number, f"longer than {_FAR_TOO_LONG} bytes: is this the right file?")
    return data


def _header(data: bytes, collected: Collected) -> tuple[list[str], str]:
    if data.startswith(_UTF_16):
        collected.stop(1, "the file is UTF-16: save it as UTF-8")
    if b"\r" in data.rstrip(b"\r\n"):
        collected.stop(1, "lines end with CR alone, as on old Macs: save it as CSV UTF-8")
    delimiter = _delimiter(data)
    try:
        columns = [field.strip().lower() for field in _fields(data.removeprefix(BOM_UTF8), delimiter)]
        checkColumns(columns)
    except ValueError as problem:
        collected.stop(1, str(problem))
    return columns, delimiter


def _delimiter(header: bytes) -> str:
    return max(_DELIMITERS, key=lambda each: header.count(each.encode()))


def _fields(data: bytes, delimiter: str) -> list[str]:
    """
    The fields of a line; none if it is blank.

    @raise ValueError: if it cannot be read.
    """
    if len(data) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} bytes: shorten it, or close a quotation mark before it")
    try:
        line = data.decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8: save the file as UTF-8") from None
    if not line.strip(_DELIMITERS + " "):
        return []
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        raise ValueError('quotation marks do not match: write " twice within a quoted field') from None
