# -*- test-case-name: ichatgw.test.test_nouns -*-
"""
The table of nouns in C{docs/architecture.rst}: who looks for one finds the file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import ichatgw
from ichatgw.test.marks import slow

ROOT = Path(ichatgw.__file__).parent
PAGE = ROOT.parent / "docs" / "architecture.rst"
MIN_NOUNS = 40
_ROW = re.compile(r'^   "(?P<noun>[^"]+)", "(?P<source>[^"]+)", "``(?P<file>[^"`]+\.py)``"$', re.MULTILINE)
_WORD = re.compile(r"[A-Za-z0-9]{3,}")


def rows() -> Iterator[tuple[str, str, str]]:
    """Each noun, its source and its file."""
    if not PAGE.exists():
        raise SkipTest("not a source checkout")
    for found in _ROW.finditer(PAGE.read_text("utf-8")):
        yield found["noun"], found["source"], found["file"]


class NounTests(SynchronousTestCase):
    """What the RFCs, the XEPs and the manual call something is where a reader looks for it."""

    def test_table(self) -> None:
        """There are at least forty nouns, none twice, and each has a file."""
        table = list(rows())
        self.assertTrue(len(table) >= MIN_NOUNS, len(table))
        self.assertEqual(len({noun for noun, _, _ in table}), len(table))
        for noun, _, file in table:
            self.assertTrue((ROOT / file).is_file(), f"{noun}: {file}")

    @slow
    def test_found(self) -> None:
        """A word of the noun is in the name of the file, or in the line that says what the file is for."""
        for noun, _, file in rows():
            summary = (ast.get_docstring(ast.parse((ROOT / file).read_text("utf-8"))) or "").lower()
            place = file.removesuffix(".py").replace("/", " ").lower()
            words = [word.lower() for word in _WORD.findall(noun)]
            self.assertTrue(any(word.rstrip("s") in f"{place} {summary}" for word in words), f"{noun}: {file}")

    def test_source(self) -> None:
        """The file, or its first lines, name the RFC or XEP that the table names."""
        for noun, source, file in rows():
            numbers = re.findall(r"(?:RFC|XEP-)\s?(\d+)", source)
            text = (ROOT / file).read_text("utf-8")
            if numbers:
                self.assertTrue(any(number in text for number in numbers), f"{noun}: {source} is not in {file}")
