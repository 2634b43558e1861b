# -*- test-case-name: ichatgw.test.gateway.test_drawings -*-
"""
The drawings in C{docs/drawings}, and how they are made.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Protocol

from automat import TypeMachineBuilder
from twisted.trial.unittest import SkipTest, SynchronousTestCase

import ichatgw
from ichatgw.test.marks import slow

DRAW = Path(ichatgw.__file__).parent.parent / "docs" / "draw.py"


def load() -> Any:
    """The program that draws; a test is skipped without it."""
    if not DRAW.exists():
        raise SkipTest("the documentation is not installed with the package")
    spec = spec_from_file_location("draw", DRAW)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Door(Protocol):
    """What can be done to a door."""

    def push(self) -> None: ...

    def lock(self) -> None: ...


class UpToDateTests(SynchronousTestCase):
    """What is committed."""

    @slow
    def test_upToDate(self) -> None:
        """The drawings are those of the code as it is; C{make drawings} makes them so."""
        self.assertEqual(load().outdated(), [], "run make drawings, and commit what it writes")

    @slow
    def test_shown(self) -> None:
        """The page on the architecture shows each drawing."""
        draw = load()
        included = draw.pages(draw.drawings())
        page = DRAW.with_name("architecture.rst").read_text("utf-8")
        self.assertEqual([name for name in included if f".. include:: drawings/{name}\n" not in page], [])
        shown = "".join(included.values())
        self.assertEqual([name for name in draw.drawings() if f".. image:: drawings/{name}.svg\n" not in shown], [])


class OutdatedTests(SynchronousTestCase):
    """What is said of a folder of drawings."""

    def setUp(self) -> None:
        self.draw = load()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.patch(self.draw, "drawings", lambda: {"one": "digraph {}\n"})
        self.patch(self.draw, "pages", lambda names: {})

    def write(self, source: str, drawn: str) -> None:
        """Write a source, and a drawing that was made from another."""
        self.folder.joinpath("one.dot").write_text(source, "utf-8")
        self.folder.joinpath("one.svg").write_text(f"<svg/>\n{self.draw.digest(drawn)}\n", "utf-8")

    def test_fits(self) -> None:
        """There is nothing to say when source and drawing are those of the code."""
        self.write("digraph {}\n", "digraph {}\n")
        self.assertEqual(self.draw.outdated(self.folder), [])

    def test_missing(self) -> None:
        """A drawing that is not there is out of date."""
        self.assertEqual(self.draw.outdated(self.folder), ["one.dot", "one.svg"])

    def test_changed(self) -> None:
        """So is one of other code."""
        self.write("digraph {a}\n", "digraph {a}\n")
        self.assertEqual(self.draw.outdated(self.folder), ["one.dot", "one.svg"])

    def test_notDrawnAgain(self) -> None:
        """So is a picture that was not made again when its source was."""
        self.write("digraph {}\n", "digraph {a}\n")
        self.assertEqual(self.draw.outdated(self.folder), ["one.svg"])

    def test_gone(self) -> None:
        """So is a drawing of something that there is no more, and drawing removes it."""
        self.write("digraph {}\n", "digraph {}\n")
        self.folder.joinpath("two.svg").write_text("<svg/>", "utf-8")
        self.assertEqual(self.draw.outdated(self.folder), ["two.svg"])
        self.draw.draw(self.folder)
        self.assertEqual(self.draw.outdated(self.folder), [])


class DrawTests(SynchronousTestCase):
    """What is drawn."""

    def test_reduced(self) -> None:
        """An arrow that follows from others is left out."""
        graph = {"a": {"b", "c", "d"}, "b": {"c"}, "c": {"d"}, "d": set()}
        self.assertEqual(load().reduced(graph), {"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": set()})

    def test_cycle(self) -> None:
        """Of two that know each other both arrows are kept; whom both know, one of them leads to."""
        reduced = load().reduced({"a": {"b", "c"}, "b": {"a", "c"}, "c": set()})
        self.assertEqual(reduced, {"a": {"b"}, "b": {"a", "c"}, "c": set()})

    def test_imports(self) -> None:
        """A module beside the folders is drawn with broken lines."""
        drawn = load().importDrawing({"setup.py": {"leg"}, "leg": set()})
        self.assertIn('    "leg"\n    "setup.py" [style=dashed]\n    "setup.py" -> "leg"\n', drawn)

    def test_machine(self) -> None:
        """An arrow has the inputs that take it, and what is done then; what does nothing has no arrow."""
        builder = TypeMachineBuilder(Door, object)
        shut, locked = builder.state("shut"), builder.state("locked")
        shut.upon(Door.push).to(shut).returns(None)
        locked.upon(Door.lock).to(shut).returns(None)

        @shut.upon(Door.lock).to(locked)
        def lock(door: Door, core: object) -> None:
            """Turn the key."""

        @locked.upon(Door.push).loop()
        def rattle(door: Door, core: object) -> None:
            """Nothing moves."""

        machine: Any = builder.build()
        drawn = load().machineDrawing(machine.__automat_automaton__)
        self.assertIn('    "locked" [style=rounded]\n    "shut" [style=bold]\n', drawn)
        self.assertIn('"locked" -> "locked" [label="push / rattle\\l"]', drawn)
        self.assertIn('"locked" -> "shut" [label="lock\\l"]', drawn)
        self.assertIn('"shut" -> "locked" [label="lock\\l"]', drawn)
        self.assertNotIn('"shut" -> "shut"', drawn)
