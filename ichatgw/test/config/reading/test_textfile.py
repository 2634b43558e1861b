"""Tests for L{ichatgw.config.reading.textfile}."""

from __future__ import annotations

import codecs

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.textfile import decoded


class DecodedTests(SynchronousTestCase):
    """L{decoded}."""

    TEXT = "Name = M\u00fcller\r\n"

    def test_marks(self) -> None:
        """A byte order mark tells the encoding, and is no part of the text; without one it is UTF-8."""
        for data in (
            self.TEXT.encode(),
            codecs.BOM_UTF8 + self.TEXT.encode(),
            codecs.BOM_UTF16_LE + self.TEXT.encode("utf-16-le"),
            codecs.BOM_UTF16_BE + self.TEXT.encode("utf-16-be"),
        ):
            self.assertEqual(decoded(data), self.TEXT)
        self.assertEqual(decoded(b""), "")

    def test_neither(self) -> None:
        """What is neither is an error."""
        for data in (b"M\xfcller", codecs.BOM_UTF16_LE + b"x", b"\xff"):
            self.assertRaises(UnicodeDecodeError, decoded, data)
