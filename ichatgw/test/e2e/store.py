# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Subscriptions and a process that is killed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import ichatgw
from ichatgw.xmpp.sqlitestore import SQLiteStore

ROUNDS = 25

_WRITER = """
import sys
from twisted.internet.task import Clock
from ichatgw.xmpp.sqlitestore import SQLiteStore
from ichatgw.xmpp.stanzas import parseJID
store = SQLiteStore(Clock(), sys.argv[1])
store.startService()
for number in range(int(sys.argv[2]), 10**6):
    store.add(parseJID(f"user{number}@chat.example"), parseJID("control@gw.chat.example"))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


class Killed(SynchronousTestCase):
    """C{kill -9} at any moment."""

    def test_nothingAcknowledgedIsLost(self) -> None:
        """Each subscription that was acknowledged before the kill is there after it."""
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / "subscriptions.sqlite"
        chance = random.Random(9)
        acknowledged: set[int] = set()
        for _ in range(ROUNDS):
            first = max(acknowledged, default=-1) + 1
            writer = subprocess.Popen(
                [sys.executable, "-c", _WRITER, str(path), str(first)],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(Path(ichatgw.__file__).parents[1])},
            )
            assert writer.stdout is not None
            for _ in range(chance.randrange(1, 60)):
                acknowledged.add(int(writer.stdout.readline()))
            writer.kill()
            acknowledged.update(
                int(line) for line in writer.stdout.read().splitlines(keepends=True) if line[-1] == "\n"
            )
            writer.wait()
            writer.stdout.close()
            self.assertEqual(acknowledged - self._found(path), set())
        self.assertTrue(len(acknowledged) > ROUNDS)

    def _found(self, path: Path) -> set[int]:
        store = SQLiteStore(Clock(), str(path))
        store.startService()
        found = {int(str(user.user).removeprefix("user")) for user in store.users()}
        store.stopService()
        return found
