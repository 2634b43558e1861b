"""Tests for L{ichatgw.web.figures.trunks}."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ichatgw.test.support.web import TRUNK
from ichatgw.web.figures.trunks import AT_ONCE, noTrunks, trunkPieces

DOWN = {**TRUNK, "name": "backup", "works": False, "left": None, "probing": "no answer", "calls": 0}
BARE = {**TRUNK, "name": "carrier", "registers": False, "left": None, "probing": "off"}


class FigureTests(SynchronousTestCase):
    """What Prometheus reads."""

    def text(self, *trunks: dict[str, Any]) -> str:
        return b"".join(trunkPieces(lambda: iter(trunks))).decode()

    def test_none(self) -> None:
        """Without trunks there is nothing."""
        self.assertEqual(list(trunkPieces(noTrunks)), [])

    def test_values(self) -> None:
        """Each trunk has its figures, and none of what it is not asked for."""
        lines = self.text(TRUNK, DOWN, BARE).splitlines()
        for line in (
            'ichatgw_trunk_works{trunk="provider"} 1.0',
            'ichatgw_trunk_works{trunk="backup"} 0.0',
            'ichatgw_trunk_registration_seconds{trunk="provider"} 540.0',
            'ichatgw_trunk_registration_seconds{trunk="backup"} 0.0',
            'ichatgw_trunk_answers{trunk="backup"} 0.0',
            'ichatgw_trunk_calls{trunk="carrier"} 2.0',
        ):
            self.assertIn(line, lines)
        for absent in ('registration_seconds{trunk="carrier"}', 'answers{trunk="carrier"}'):
            self.assertFalse([line for line in lines if absent in line])

    def test_many(self) -> None:
        """Those of many trunks are written some at a time, and what they mean is said once."""
        trunks = [{**(TRUNK if number > AT_ONCE else BARE), "name": f"t{number}"} for number in range(3 * AT_ONCE)]
        pieces = list(trunkPieces(lambda: iter(trunks)))
        self.assertEqual(len(pieces), 12)
        self.assertLess(max(piece.count(b"\n") for piece in pieces), AT_ONCE + 3)
        text = b"".join(pieces).decode()
        self.assertEqual(len(re.findall("# HELP", text)), 4)
        self.assertEqual(len(re.findall("^ichatgw_trunk_works", text, re.M)), 3 * AT_ONCE)
        self.lint(text)

    def test_lint(self) -> None:
        """C{promtool} has nothing against them."""
        self.lint(self.text(TRUNK, DOWN, BARE))

    def lint(self, text: str) -> None:
        if shutil.which("promtool") is None:
            raise SkipTest("apt-get install prometheus")
        done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout.decode() + done.stderr.decode()), (0, ""))
