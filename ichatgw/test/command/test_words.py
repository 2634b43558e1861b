# -*- test-case-name: ichatgw.test.command.test_words -*-
"""Tests for L{ichatgw.command.words}."""

from __future__ import annotations

import sys

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.command.words import coloured, hasColours, lasting, plain


class WordsTests(SynchronousTestCase):
    """How things are written."""

    def test_lasting(self) -> None:
        """Times are written as people do, however long."""
        for seconds, text in ((0, "0:00"), (4.6, "0:05"), (65, "1:05"), (3600, "1:00:00"), (90061, "1 d 1:01:01")):
            self.assertEqual(lasting(seconds), text)

    def test_plain(self) -> None:
        """What a stranger sent does nothing to the terminal."""
        self.assertEqual(plain("\033[2Ja\x9bb\r\nc\u202e"), "\\x1b[2Ja\\x9bb\\r\\nc\\u202e")

    def test_colours(self) -> None:
        """There are colours where the output is a terminal that has them, and whose user wants them."""
        self.patch(sys, "stdout", self)
        self.terminal = True
        self.assertTrue(hasColours({}))
        self.assertFalse(hasColours({"NO_COLOR": "1"}) or hasColours({"TERM": "dumb"}))
        self.terminal = False
        self.assertFalse(hasColours({}))

    def isatty(self) -> bool:
        return self.terminal

    def test_coloured(self) -> None:
        """Each kind has its colour, others none."""
        self.assertEqual(coloured("x", "caller", True), "\033[36mx\033[0m")
        self.assertEqual((coloured("x", "caller", False), coloured("x", "", True)), ("x", "x"))
