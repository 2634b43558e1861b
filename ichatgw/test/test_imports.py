# -*- test-case-name: ichatgw.test.test_imports -*-
"""
The borders between the parts, as the sources show them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import ichatgw

ROOT = Path(ichatgw.__file__).parent

# A part may import those of its own rank or below.
RANKS = (
    {"formats", "literals", "machines", "textfile"},
    {"model"},
    {
        "errors",
        "interfaces",
        "addresses",
        "clock",
        "disk",
        "hidden",
        "farewell",
        "networks",
        "ratelimit",
        "passwords",
        "stunservers",
        "turns",
    },
    {
        "config",
        "configdoc",
        "configfile",
        "configvalues",
        "settings",
        "collector",
        "stalls",
        "limits",
        "memory",
        "journal",
        "epilogue",
        "watch",
        "systemd",
        "messagelog",
        "logfile",
        "call",
        "callmachine",
        "parties",
        "transfer",
        "over",
        "dialplan",
        "sdp",
        "media",
        "xmpp",
    },
    {"switch", "policy", "choice", "reload", "sip", "ichat", "jingle", "options"},
    {"tap", "siptap", "jingletap"},
)
ADAPTERS = {"sip", "ichat", "jingle"}
SIM_MAY = {"", "sim", "model", "errors", "clock", "media.rtp", "ichat.connectdata", "xmpp.compat"}
# The Jingle client's media is the gateway's own; its stanzas are not.
SIM_MEDIA = {"media.checklist", "media.dtls", "media.ice", "media.sdes", "media.srtp"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Each module of the package but its tests, by its name below C{ichatgw}."""
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        if not name.startswith("test"):
            yield name, ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """The full names of all that a module imports, wherever it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rank(part: str) -> int:
    """The rank of a part; that of a stranger is an error here."""
    return next(number for number, parts in enumerate(RANKS) if part in parts)


class ImportTests(SynchronousTestCase):
    """Who may know whom."""

    def test_oneWay(self) -> None:
        """No part imports one of a higher rank."""
        for name, tree in modules():
            part = name.partition(".")[0]
            if part in ("", "sim"):
                continue
            for other in imported(tree):
                if other.startswith("ichatgw."):
                    target = other.split(".")[1]
                    known = any(target in parts for parts in RANKS)
                    if known and target != part:
                        self.assertTrue(rank(target) <= rank(part), f"{name} imports {other}")
                    self.assertNotEqual(target, "sim", f"{name} imports {other}")
                    self.assertNotEqual(target, "test", f"{name} imports {other}")

    def test_everyPartHasItsRank(self) -> None:
        """There is no part of which these tests know nothing."""
        for name, _ in modules():
            part = name.partition(".")[0]
            if part not in ("", "sim"):
                self.assertTrue(any(part in parts for parts in RANKS), part)

    def test_adapters(self) -> None:
        """Adapters do not know each other."""
        for name, tree in modules():
            part = name.partition(".")[0]
            if part in ADAPTERS:
                for other in imported(tree):
                    words = other.split(".")
                    if words[0] == "ichatgw" and len(words) > 1 and words[1] in ADAPTERS:
                        self.assertEqual(words[1], part, f"{name} imports {other}")

    def test_doors(self) -> None:
        """sippy is behind one door, XMPP's libraries behind theirs."""
        for name, tree in modules():
            part = name.partition(".")[0]
            for other in imported(tree):
                if other.split(".")[0] == "sippy":
                    self.assertEqual(part, "sip", f"{name} imports {other}")
                if other.split(".")[0] == "wokkel" or other.startswith("twisted.words"):
                    self.assertIn(
                        part,
                        ("xmpp", "ichat", "jingle", "choice", "sim", "tap", "jingletap"),
                        f"{name} imports {other}",
                    )

    def test_reactor(self) -> None:
        """Only C{tap}, and the simulators' programs, take the global reactor."""
        for name, tree in modules():
            if name != "tap" and not name.startswith("sim."):
                self.assertNotIn("twisted.internet.reactor", set(imported(tree)), name)

    def test_nothingBlocks(self) -> None:
        """There are no threads and no sleeping; only the disk, which would keep all waiting, has a thread."""
        for name, tree in modules():
            if name == "disk":
                continue
            self.assertEqual(
                set(imported(tree)) & {"threading", "time.sleep", "twisted.internet.threads", "concurrent.futures"},
                set(),
                name,
            )
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute):
                    self.assertNotIn(node.attr, ("sleep", "deferToThread", "callInThread"), name)

    def test_nothingPrints(self) -> None:
        """Only the simulators, which are programs, write to stdout."""
        for name, tree in modules():
            if name.partition(".")[0] != "sim":
                names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
                self.assertNotIn("print", names, name)

    def test_simulators(self) -> None:
        """The simulators are no part of what they test."""
        for name, tree in modules():
            if name.partition(".")[0] != "sim":
                continue
            for other in imported(tree):
                if other.startswith("ichatgw."):
                    rest = other.removeprefix("ichatgw.")
                    self.assertTrue(
                        any(rest == may or rest.startswith(f"{may}.") for may in SIM_MAY | SIM_MEDIA if may)
                        or rest == "__version__",
                        f"{name} imports {other}",
                    )
