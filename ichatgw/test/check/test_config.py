"""Tests for L{ichatgw.check.config}: files that cannot be read, or hold something else."""

from __future__ import annotations

import os
import random
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.check.config import read
from ichatgw.check.finding import Finding, Level
from ichatgw.config.reading.reader import DEFAULT_FILE


class ReadTests(SynchronousTestCase):
    """L{read}."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()

    def read(self, *arguments: str) -> list[Finding]:
        found: list[Finding] = []
        options = read(arguments or ("--config", str(self.path)), {}, found.append)
        self.assertEqual(options is None, any(each.level is Level.ERROR for each in found), found)
        for each in found:
            self.assertTrue(each.remedy or each.level is Level.OK, each)
            self.assertNotIn("\n", each.what)
        return found

    def test_absent(self) -> None:
        """A file that is not there is named."""
        (found,) = self.read()
        self.assertIn(f"{self.path}: cannot be read: No such file", found.what)

    def test_noneHere(self) -> None:
        """Without a file, and without one of the usual name here, that is said before what is missing."""
        self.assertFalse(os.path.exists(DEFAULT_FILE))
        found = self.read("--loglevel", "DEBUG")
        self.assertEqual(found[0].what, f"there is no {DEFAULT_FILE} here")
        self.assertIn("JabberServer is missing", found[1].what)

    def test_pipe(self) -> None:
        """A pipe, which could keep us waiting for ever, is not read; nor is a directory."""
        os.mkfifo(self.path)
        self.assertIn("is no plain file", self.read()[0].what)
        self.assertIn("is no plain file", self.read("-c", "/")[0].what)

    def test_large(self) -> None:
        """A file that is far too long is named."""
        self.path.write_bytes(b"#" * (2 << 20))
        self.assertIn("longer than", self.read()[0].what)

    def test_garbage(self) -> None:
        """Whatever stands in the file, findings come of it, and nothing else."""
        draw = random.Random(7)
        for size in (1, 20, 300, 5000):
            for alphabet in (bytes(range(256)), b"ab=\n\r\0 #", b"TranslationPattern=(\n"):
                self.path.write_bytes(bytes(draw.choice(alphabet) for _ in range(size)))
                self.assertNotEqual(self.read(), [])

    def test_arguments(self) -> None:
        """Whatever stands on the command line, likewise."""
        for arguments in (("--",), ("word",), ("--udptcpport",), ("--config", ""), ("--config", "a\0b"), ("--é",)):
            self.assertNotEqual(self.read(*arguments), [], arguments)
