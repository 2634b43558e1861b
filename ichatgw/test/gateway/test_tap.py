# -*- test-case-name: ichatgw.test.gateway.test_tap -*-
"""
What C{twistd} finds.
"""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import cast

from attrs import evolve
from twisted.application.service import IServiceMaker
from twisted.internet.interfaces import IReactorTime
from twisted.plugin import getPlugins
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ichatgw.options import Options
from ichatgw.tap import makeService
from ichatgw.test.gateway.test_build import SETTINGS
from ichatgw.test.marks import slow


def withoutTimers(test: SynchronousTestCase) -> None:
    """What a test makes runs on the process' own reactor: let no timer of it be left for the tests that follow."""
    from twisted.internet import reactor

    timers = cast(IReactorTime, reactor)
    before = set(timers.getDelayedCalls())

    def cancel() -> None:
        for call in set(timers.getDelayedCalls()) - before:
            call.cancel()

    test.addCleanup(cancel)


class TapTests(SynchronousTestCase):
    """The plugin, and the C{.tac}."""

    def test_makeService(self) -> None:
        """C{twistd} gets one service, with its log observer if it did not ask for another."""
        withoutTimers(self)
        options = Options({})
        options.settings, options.warnings = SETTINGS, ["careful"]
        self.assertTrue(hasattr(makeService(options), "startService"))

    def test_unusableFile(self) -> None:
        """What a setting names and cannot be used ends the start in a line, not in a traceback."""
        users = self.mktemp()
        Path(users).write_text("alice\n")
        os.chmod(users, 0o600)
        options = Options({})
        options.settings, options.warnings = evolve(SETTINGS, sipUsers=users), []
        problem = self.assertRaises(SystemExit, makeService, options)
        self.assertEqual(problem.code, f"ichatgw cannot start:\n{users}, line 1: expected a name and a password")

    def test_plugin(self) -> None:
        """C{twistd} finds the gateway."""
        self.assertIn("ichatgw", [maker.tapname for maker in getPlugins(IServiceMaker)])

    @slow
    def test_tac(self) -> None:
        """The C{.tac} says in one line what is wrong with the settings, and makes an application of good ones."""
        tac = Path(__file__).parents[3] / "etc" / "ichatgw.tac"
        if not tac.exists():
            raise SkipTest("not a source checkout")
        withoutTimers(self)
        path = self.mktemp()
        Path(path).write_text("JabberServer = 127.0.0.1\n")
        self.patch(__import__("os"), "environ", {"ICHATGW_CONFIG": path})
        problem = self.assertRaises(SystemExit, runpy.run_path, str(tac))
        self.assertIn("JabberComponentName", str(problem))
        Path(path).write_text(
            "JabberServer = 127.0.0.1\nJabberComponentName = gw.example\nJabberComponentPassword = x\nLogFilename = -\n"
        )
        self.assertIn("application", runpy.run_path(str(tac)))
