# -*- test-case-name: ichatgw.test.command.test_trunks -*-
"""Tests for L{ichatgw.command.trunks}."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.command import trunks
from ichatgw.command.gateway import Told
from ichatgw.test.command.test_command import Run
from ichatgw.test.support.web import TRUNK


class TrunksTests(SynchronousTestCase):
    """The command."""

    def setUp(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.patch(trunks, "ask", self.ask)

    def ask(self, arguments: Namespace, order: str, **words: str) -> Told:
        self.assertEqual(order, "trunks")
        return Told({}, self.items)

    def test_none(self) -> None:
        """Words if there is none."""
        self.assertEqual(Run("trunks").out, "there are no trunks\n")

    def test_lines(self) -> None:
        """A line for each trunk; what a registrar says does nothing to a terminal."""
        refused = {"state": "refused", "left": None, "trouble": "403 \033[2J", "maxCalls": 0, "works": False}
        self.items = [TRUNK, {**TRUNK, **refused}, {**TRUNK, "registers": False, "left": None, "probing": "off"}]
        first, second, third = Run("trunks").out.splitlines()
        self.assertEqual(
            first.split("\t"),
            ["provider", "sip.example.com", "works", "registered for 9:00", "probing: answers", "calls: 2 of 10"],
        )
        self.assertEqual(second.split("\t")[2:4], ["refused: 403 \\x1b[2J", "not registered"])
        self.assertEqual(second.split("\t")[5], "calls: 2")
        self.assertEqual(third.split("\t")[3:5], ["without registration", "probing: off"])
        self.assertEqual(Run("trunks", "--json").json, self.items)

    def test_proxies(self) -> None:
        """Of several proxies it says by how many the trunk is registered."""
        self.items = [{**TRUNK, "flows": 2}]
        self.assertIn("\tregistered for 9:00 by 1 of 2 proxies\t", Run("trunks").out)
