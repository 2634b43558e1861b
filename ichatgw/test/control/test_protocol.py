# -*- test-case-name: ichatgw.test.control.test_protocol -*-
"""Tests for L{ichatgw.control.protocol}."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.control.protocol import MAX_WORDS, Order, doneLine, errorLine, itemLine, orderLine, readOrder
from ichatgw.errors import MalformedError


class LineTests(SynchronousTestCase):
    """The lines."""

    def test_order(self) -> None:
        """What the command writes the gateway reads; words may be left out."""
        order = Order("call", {"id": "a-1 \u2713"})
        self.assertEqual(readOrder(orderLine(order)), order)
        self.assertEqual(readOrder(b'{"order": "status"}'), Order("status"))

    def test_malformed(self) -> None:
        """Everything else is no order, and is said to be none."""
        words = {str(number): "x" for number in range(MAX_WORDS + 1)}
        for line in (
            b"",
            b"status",
            b"\xff\xfe\0",
            b"[" * 4000,
            b"9" * 4000,
            b"null",
            b'["order"]',
            b"{}",
            b'{"order": 1}',
            b'{"order": "x", "words": []}',
            b'{"order": "x", "words": {"a": 1}}',
            b'{"order": "x", "words": {"a": {"b": "c"}}}',
            json.dumps({"order": "x", "words": words}).encode(),
        ):
            self.assertRaises(MalformedError, readOrder, line)

    def test_answers(self) -> None:
        """Each answer is one line, whatever is in it."""
        for line, value in (
            (itemLine({"a": "b\nc\u2713"}), {"item": {"a": "b\nc\u2713"}}),
            (doneLine({}), {"done": {}}),
            (errorLine("no\r\nno"), {"error": "no\r\nno"}),
        ):
            self.assertNotIn(b"\n", line)
            self.assertEqual(json.loads(line), value)

    def test_surrogates(self) -> None:
        """Text that cannot be written as UTF-8 is written all the same."""
        self.assertIn("error", json.loads(errorLine("\ud800")))
