# -*- test-case-name: ichatgw.test.test_imports -*-
"""
The borders between the parts, as the sources show them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.marks import slow
from ichatgw.test.support.sources import ROOT, modules

# A part may import those of its own rank or below; within one rank, arrows between parts go one way too.
RANKS = (
    {"address", "formats"},
    {"model"},
    {"errors", "interfaces", "escaping"},
    {"runtime"},
    {"net"},
    {"log"},
    {"observe"},
    {"media", "sdp", "calls"},
    {"texts", "users"},
    {"selfservice"},
    {"xmpp"},
    {"config"},
    {"options", "sip", "ichat", "jingle", "phonebook", "trunks"},
    {"forwarding"},
    {"watchers"},
    {"control"},
    {"web"},
    {"gateway"},
    {"check"},
    {"tap", "command"},
)
# The same for the folders of a part; what lies beside them and is not named here knows all.
FOLDERS = {
    "check": ({"asking"}, {"dialling"}),
    "config": ({"reading"}, {"declared"}),
    "jingle": ({"stanzas"}, {"session"}),
    "media": ({"sockets", "rtp", "srtp", "ice"}, {"relay", "dtls"}, {"transport"}),
    "observe": ({"events", "stream", "snapshots", "trails", "messages", "registry"}, {"hep", "records", "archive"}),
    "sip": (
        {"sippylib", "message"},
        {"transport", "auth"},
        {"transaction"},
        {"dialog", "register"},
        {"leg"},
        {"transfer", "texts"},
        {"mailbox"},
        {"trunk"},
    ),
    "web": ({"answers"}, {"figures"}),
    "xmpp": ({"stanzas", "clients", "discoinfo"}, {"link", "presence"}, {"caps", "commands", "cards"}),
}
MAX_MODULES = 15
"""How many modules a folder has at most."""
ADAPTERS = {"sip", "ichat", "jingle"}
SIM_MAY = {
    "",
    "sim",
    "model",
    "errors",
    "runtime.clock",
    "media.rtp.rtp",
    "ichat.connectdata",
    "xmpp.link.wokkelcompat",
}
# The Jingle client's media is the gateway's own; its stanzas are not.
SIM_MEDIA = {
    "media.dtls.dtls",
    "media.ice.agent",
    "media.ice.checklist",
    "media.srtp.sdes",
    "media.srtp.srtp",
}


def rank(part: str, ranks: Sequence[set[str]] = RANKS) -> int:
    """The rank of a part; that of a stranger is an error here."""
    return next(number for number, parts in enumerate(ranks) if part in parts)


def arrows() -> Iterator[tuple[str, str]]:
    """Each import of one module of the package by another, both by their names below C{ichatgw}."""
    known = dict(modules())
    for name, source in known.items():
        for other in source.imported:
            target = other.removeprefix("ichatgw.")
            if other.startswith("ichatgw.") and target in known and target != name:
                yield name, target


def folderOf(name: str) -> str:
    """The folder within its part that a module lies in; none for what lies beside the folders."""
    words = name.split(".")
    return words[1] if len(words) > 2 or words[1:2] and (ROOT / words[0] / words[1]).is_dir() else ""


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """One round of arrows that leads back to where it began, empty if there is none."""
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as found:
        return list(found.args[1])
    return []


@slow
class ImportTests(SynchronousTestCase):
    """Who may know whom."""

    def test_oneWay(self) -> None:
        """No part imports one of a higher rank, and no two parts import each other."""
        graph: dict[str, set[str]] = {}
        for name, other in arrows():
            part, target = name.partition(".")[0], other.partition(".")[0]
            if part in ("", "sim"):
                continue
            self.assertNotIn(target, ("sim", "test"), f"{name} imports {other}")
            if target and target != part:
                self.assertTrue(rank(target) <= rank(part), f"{name} imports {other}")
                graph.setdefault(part, set()).add(target)
        self.assertEqual(cycle(graph), [])

    def test_folders(self) -> None:
        """No folder of a part imports one of a higher rank, and no two folders import each other."""
        graph: dict[str, set[str]] = {}
        for name, other in arrows():
            part = name.partition(".")[0]
            folder, target = folderOf(name), folderOf(other) or other.rpartition(".")[2]
            if part in FOLDERS and other.startswith(f"{part}.") and folder and folder != target:
                ranks = FOLDERS[part]
                self.assertTrue(any(target in each for each in ranks), f"{name} imports {other}, which knows all")
                self.assertTrue(rank(target, ranks) <= rank(folder, ranks), f"{name} imports {other}")
                graph.setdefault(f"{part}.{folder}", set()).add(f"{part}.{target}")
        self.assertNotEqual(graph, {})
        self.assertEqual(cycle(graph), [])

    def test_modules(self) -> None:
        """No two modules know each other, however many are between them, and not for their types either."""
        graph: dict[str, set[str]] = {}
        for name, other in arrows():
            if name.partition(".")[0] != "sim":
                graph.setdefault(name, set()).add(other)
        self.assertEqual(cycle(graph), [])

    def test_everyFolderHasItsRank(self) -> None:
        """There is no folder of which these tests know nothing."""
        for name, _ in modules():
            part, folder = name.partition(".")[0], folderOf(name) if "." in name else ""
            if folder and part != "sim":
                self.assertTrue(any(folder in parts for parts in FOLDERS.get(part, ())), name)

    def test_size(self) -> None:
        """No folder has more modules than a reader takes in at a glance."""
        sizes = Counter(path.parent for path in ROOT.rglob("*.py") if path.name != "__init__.py")
        for folder, size in sizes.items():
            if "e2e" not in folder.parts and "interop" not in folder.parts:
                self.assertTrue(size <= MAX_MODULES, f"{folder.relative_to(ROOT)} has {size}")

    def test_everyPartHasItsRank(self) -> None:
        """There is no part of which these tests know nothing."""
        for name, _ in modules():
            part = name.partition(".")[0]
            if part not in ("", "sim"):
                self.assertTrue(any(part in parts for parts in RANKS), part)

    def test_adapters(self) -> None:
        """Adapters do not know each other."""
        for name, source in modules():
            part = name.partition(".")[0]
            if part in ADAPTERS:
                for other in source.imported:
                    words = other.split(".")
                    if words[0] == "ichatgw" and len(words) > 1 and words[1] in ADAPTERS:
                        self.assertEqual(words[1], part, f"{name} imports {other}")

    def test_doors(self) -> None:
        """sippy is behind one door, XMPP's libraries behind theirs."""
        for name, source in modules():
            part = name.partition(".")[0]
            for other in source.imported:
                if other.split(".")[0] == "sippy":
                    self.assertEqual(part, "sip", f"{name} imports {other}")
                if other.split(".")[0] == "wokkel" or other.startswith("twisted.words"):
                    self.assertIn(
                        part,
                        ("xmpp", "ichat", "jingle", "sim", "gateway"),
                        f"{name} imports {other}",
                    )

    def test_reactor(self) -> None:
        """Only programs take the global reactor: C{tap}, C{ichatgw check} and the simulators."""
        for name, source in modules():
            if name not in ("tap", "command.check") and not name.startswith("sim."):
                self.assertNotIn("twisted.internet.reactor", source.imported, name)

    def test_nothingBlocks(self) -> None:
        """There are no threads and no sleeping; only the disk, which would keep all waiting, has a thread."""
        for name, source in modules():
            if name == "runtime.disk":
                continue
            self.assertEqual(
                source.imported & {"threading", "time.sleep", "twisted.internet.threads", "concurrent.futures"},
                set(),
                name,
            )
            self.assertEqual(source.attributes & {"sleep", "deferToThread", "callInThread"}, set(), name)

    def test_nothingPrints(self) -> None:
        """Only the simulators, which are programs, write to stdout."""
        for name, source in modules():
            if name.partition(".")[0] != "sim":
                self.assertNotIn("print", source.names, name)

    def test_simulators(self) -> None:
        """The simulators are no part of what they test."""
        for name, source in modules():
            if name.partition(".")[0] != "sim":
                continue
            for other in source.imported:
                if other.startswith("ichatgw."):
                    rest = other.removeprefix("ichatgw.")
                    self.assertTrue(
                        any(rest == may or rest.startswith(f"{may}.") for may in SIM_MAY | SIM_MEDIA if may)
                        or rest == "__version__",
                        f"{name} imports {other}",
                    )
