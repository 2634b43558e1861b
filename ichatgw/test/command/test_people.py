# -*- test-case-name: ichatgw.test.command.test_people -*-
"""Tests for L{ichatgw.command.people}."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.command import people
from ichatgw.command.gateway import Told
from ichatgw.test.command.test_command import Run


class PeopleTests(SynchronousTestCase):
    """The commands."""

    def setUp(self) -> None:
        self.items: list[Any] = []
        self.patch(people, "ask", self.ask)

    def ask(self, arguments: Namespace, order: str, **words: str) -> Told:
        return Told({"count": len(self.items)}, self.items)

    def test_users(self) -> None:
        """A line for each client, and words if there is none."""
        self.assertEqual(Run("users").out, "no user is online\n")
        clients = [
            {"address": "kim@example/Mac", "kind": "ichat", "show": "", "priority": 1},
            {"address": "kim@example/\033", "kind": "jingle", "show": "away", "priority": 0},
        ]
        self.items = [{"user": "kim@example", "clients": clients}]
        self.assertEqual(Run("users").out, "kim@example/Mac\tichat\tavailable\nkim@example/\\x1b\tjingle\taway\n")
        self.assertEqual(Run("users", "--json").json, self.items)

    def test_registrations(self) -> None:
        """A line for each address: for how long, not yet, or why not."""
        self.assertEqual(Run("registrations").out, "no address is registered\n")
        self.items = [
            {"address": "kim@pbx", "users": ["kim@example"], "left": 90, "trouble": ""},
            {"address": "lee@pbx", "users": ["lee@example"], "left": None, "trouble": ""},
            {"address": "sam@pbx", "users": ["sam@example"], "left": None, "trouble": "403 Forbidden"},
        ]
        self.assertEqual(
            [line.split("\t")[2] for line in Run("registrations").out.splitlines()],
            ["for 90 s", "not yet", "403 Forbidden"],
        )
