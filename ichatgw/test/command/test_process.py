# -*- test-case-name: ichatgw.test.command.test_process -*-
"""Tests for L{ichatgw.command.process}."""

from __future__ import annotations

import io
import sys
from argparse import Namespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.command import process
from ichatgw.command.gateway import Told
from ichatgw.test.command.test_command import Run
from ichatgw.test.support.web import TRUNK

STATUS = {
    "version": "1.0",
    "pid": 7,
    "uptime": 3725,
    "ready": True,
    "troubles": [],
    "calls": 3,
    "callsMade": 40,
    "link": "up",
    "users": 12,
    "registrations": 9,
    "mediaPorts": 100,
    "mediaPortsFree": 94,
    "files": 31,
    "filesAllowed": 1024,
    "longestTurn": 0.0123,
    "longTurns": 2,
    "logLevel": "INFO",
}


class ProcessTests(SynchronousTestCase):
    """The commands."""

    def setUp(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.data: dict[str, Any] = {}
        self.items: list[dict[str, Any]] = []
        self.patch(process, "ask", self.ask)

    def ask(self, arguments: Namespace, order: str, **words: str) -> Told:
        self.asked.append((order, words))
        return Told(self.data, self.items if order == "trunks" else [])

    def test_ready(self) -> None:
        """The status says how the gateway is, in words or as JSON; it is 0 if the gateway is ready."""
        self.data = STATUS
        said = Run("status")
        self.assertEqual(said.status, 0)
        self.assertIn("ichatgw 1.0, process 7, up for 1:02:05: ready for calls\n", said.out)
        for line in ("calls: 3 now, 40 since", "94 of 100 pairs are free", "31 open of 1024", "minute 12 ms"):
            self.assertIn(line, said.out)
        self.assertEqual(Run("status", "--json").json, {**STATUS, "trunks": []})
        self.assertNotIn("trunks", said.out)

    def test_trunks(self) -> None:
        """The status says how many trunks work, and names some of those that do not, with the reason."""
        self.data = STATUS
        refused = {**TRUNK, "name": "b", "works": False, "state": "refused", "trouble": "403 No\033[2J"}
        self.items = [TRUNK, refused, {**TRUNK, "name": "c"}]
        said = Run("status")
        self.assertEqual(said.status, 0)
        self.assertIn("  trunks: 2 of 3 work, 6 calls\n    b: refused: 403 No\\x1b[2J\n", said.out)
        self.assertEqual(Run("status", "--json").json, {**STATUS, "trunks": self.items})
        self.items = [refused] * 25
        self.assertIn("    and 5 more: ichatgw trunks\n", Run("status").out)

    def test_notReady(self) -> None:
        """If it is not the status is 3, and each reason has a line."""
        troubles = [{"part": "XMPP link", "text": "refused\033[2J"}, {"part": "files", "text": "none"}]
        self.data = {**STATUS, "ready": False, "troubles": troubles, "filesAllowed": 0}
        said = Run("status")
        self.assertEqual(said.status, process.NOT_READY)
        self.assertIn("NOT READY for calls\n  XMPP link: refused\\x1b[2J\n  files: none\n", said.out)

    def test_drain(self) -> None:
        """Draining says what happens now."""
        self.data = {"text": "No new calls are taken"}
        self.assertEqual(Run("drain").out, "No new calls are taken\n")
        self.assertEqual(self.asked, [("drain", {})])

    def test_reload(self) -> None:
        """Reading the settings again says what has changed."""
        self.data = {"lines": ["MaxCalls is now 7", "LogLevel is now INFO"]}
        self.assertEqual(Run("reload").out, "MaxCalls is now 7\nLogLevel is now INFO\n")

    def test_logLevel(self) -> None:
        """The level is taken in any case; what is none is a wrong command line."""
        self.data = {"level": "DEBUG", "before": "INFO"}
        self.assertEqual(Run("loglevel", "debug").out, "the log has level DEBUG now, it had INFO\n")
        self.assertEqual(self.asked, [("loglevel", {"level": "DEBUG"})])
        self.patch(sys, "stderr", io.StringIO())
        self.assertEqual(self.assertRaises(SystemExit, Run, "loglevel", "loud").code, 2)
