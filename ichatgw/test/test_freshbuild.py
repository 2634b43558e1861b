# -*- test-case-name: ichatgw.test.test_freshbuild -*-
"""Tests for how the package is built, and of what."""

from __future__ import annotations

import os
import runpy
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ichatgw.test.marks import slow
from ichatgw.test.support.sources import read

ROOT = Path(__file__).parents[2]
BACKEND = ROOT / ".ci" / "freshbuild.py"
CHECKOUT_ONLY = ("ichatgw.test.data", "ichatgw.test.e2e", "ichatgw.test.gateway.matrix", "ichatgw.test.interop")


class PackageTests(SynchronousTestCase):
    """What C{setup.cfg} puts into the package."""

    def setUp(self) -> None:
        if not BACKEND.exists():
            raise SkipTest("not a source checkout")
        try:
            setuptools: Any = import_module("setuptools")
        except ImportError:
            raise SkipTest("setuptools is not installed") from None
        settings = ConfigParser()
        settings.read(ROOT / "setup.cfg")
        found = settings["options.packages.find"]
        wanted = {key: found[key].split() for key in ("include", "exclude")}
        self.packages = set(setuptools.find_namespace_packages(str(ROOT), **wanted))

    def test_whole(self) -> None:
        """Each package of the product and of its unit tests is in it, and so is the plugin."""
        modules = (path.relative_to(ROOT) for path in ROOT.joinpath("ichatgw").rglob("*.py"))
        expected = {".".join(path.parent.parts) for path in modules}
        wanted = {name for name in expected if not name.startswith(CHECKOUT_ONLY)} | {"twisted.plugins"}
        self.assertEqual(wanted - self.packages, set())

    def test_noMore(self) -> None:
        """What needs other programs, or a checkout, is not."""
        self.assertEqual([name for name in self.packages if name.startswith(CHECKOUT_ONLY)], [])

    @slow
    def test_closed(self) -> None:
        """No module that is in it imports one that is not, so that all of its tests can be loaded."""
        for package in sorted(self.packages):
            for path in ROOT.joinpath(*package.split(".")).glob("*.py"):
                missing = [name for name in read(path.read_text("utf-8")).imported if name.startswith(CHECKOUT_ONLY)]
                self.assertEqual(missing, [], path)

    def test_typed(self) -> None:
        """It says that it has types (PEP 561)."""
        self.assertTrue(ROOT.joinpath("ichatgw", "py.typed").exists())


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
