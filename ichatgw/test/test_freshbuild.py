# -*- test-case-name: ichatgw.test.test_freshbuild -*-
"""Tests for how the package is built."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

BACKEND = Path(__file__).parents[2] / ".ci" / "freshbuild.py"


class FreshBuildTests(SynchronousTestCase):
    """What an earlier build has left."""

    def setUp(self) -> None:
        if not BACKEND.exists():
            raise SkipTest("not a source checkout")
        try:
            self.forget = runpy.run_path(str(BACKEND))["forget"]
        except ImportError:
            raise SkipTest("setuptools is not installed") from None
        self.addCleanup(os.chdir, os.getcwd())
        folder = Path(self.mktemp())
        folder.mkdir()
        os.chdir(folder)

    def test_old(self) -> None:
        """Modules of an older version do not get into the next package."""
        Path("build/lib/ichatgw").mkdir(parents=True)
        Path("build/lib/ichatgw/old.py").write_text("")
        self.forget()
        self.assertFalse(os.path.exists("build"))
        self.forget()

    def test_others(self) -> None:
        """A directory of that name that setuptools did not make is left alone."""
        Path("build").mkdir()
        Path("build/notes").write_text("")
        self.forget()
        self.assertTrue(os.path.exists("build/notes"))
