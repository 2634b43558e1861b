# -*- test-case-name: ichatgw.test.gateway.test_manual -*-
"""
The table of what proves the manual: whole, and true.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, SynchronousTestCase

import ichatgw
from ichatgw.config.reading.reader import OBSOLETE
from ichatgw.config.settings import TABLE
from ichatgw.runtime.turns import Turns
from ichatgw.test.marks import slow
from ichatgw.test.support.streams import StubLink
from ichatgw.xmpp.presence.access import XMPPAccess
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.presence.store import MemoryStore
from ichatgw.xmpp.presence.subscriptions import Subscriptions
from ichatgw.xmpp.stanzas import parseJID

ROOT = Path(ichatgw.__file__).parent
MANUAL = ROOT.parent / "docs" / "manual.rst"

_ROW = re.compile(r"^   (?!:)(?P<what>[^|\n]+?) \| (?P<tests>[^|\n]+)$", re.MULTILINE)


@lru_cache
def tests(module: str) -> frozenset[str]:
    """The tests of a module below C{ichatgw.test}, as C{Class.method}; inherited ones too if the base is there."""
    path = ROOT.joinpath("test", *module.split(".")).with_suffix(".py")
    if not path.exists():
        return frozenset()
    classes = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
    return frozenset(
        f"{each.name}.{function.name}"
        for each in classes
        for function in each.body
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name.startswith("test")
    )


class LinkTests(SynchronousTestCase):
    """The link with which a web page offers the control user."""

    def test_subscribes(self) -> None:
        """It is one that asks to subscribe (XEP-0147), to the control address that the sample's settings make."""
        if not MANUAL.exists():
            raise SkipTest("the manual is not installed with the package")
        (found,) = re.findall(r'<a href="xmpp:([^"]*)">', MANUAL.read_text("utf-8"))
        address, _, query = found.partition("?")
        self.assertEqual(query, "subscribe")
        about = {setting.name: setting for setting in TABLE}
        control = parseJID(f"{about['JabberControlUsername'].default}@{about['JabberComponentName'].example}")
        store, allows = MemoryStore(), XMPPAccess(control.host)
        presence = Presence(Turns(Clock()), control, lambda address: False, store, allows=allows)
        link = StubLink(Subscriptions(Clock(), control, store, presence, allows))
        presence.parent = link
        link.up()
        link.receive(f"<presence type='subscribe' from='scott@jabber.company.com' to='{address}'/>")
        self.assertIn("type='subscribed'", link.take()[0])


class ManualTests(SynchronousTestCase):
    """C{docs/manual.rst}."""

    def setUp(self) -> None:
        if not MANUAL.exists():
            raise SkipTest("the manual is not installed with the package")
        text = MANUAL.read_text("utf-8").partition("\nWhat proves it\n")[2]
        self.rows = [(match["what"], match["tests"].split()) for match in _ROW.finditer(text)]

    def test_everySetting(self) -> None:
        """Each setting, also those of the past, has a row with tests; a new one needs a row."""
        named = [what.strip("`") for what, _ in self.rows if what.startswith("``")]
        self.assertEqual(len(named), len(set(named)))
        known = {setting.name for setting in TABLE} | set(OBSOLETE)
        self.assertEqual(known - set(named), set(), "to be added to the table at the end of docs/manual.rst")
        self.assertEqual(set(named) - known, set(), "in docs/manual.rst, but no setting")

    @slow
    def test_everyTest(self) -> None:
        """Each test that is named exists."""
        self.assertGreater(len(self.rows), 80)
        for what, names in self.rows:
            self.assertTrue(names, what)
            for name in names:
                module, _, test = name.rpartition(".")
                module, _, case = module.rpartition(".")
                self.assertIn(f"{case}.{test}", tests(module), f"{what}: {name}")
