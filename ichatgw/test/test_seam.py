# -*- test-case-name: ichatgw.test.test_seam -*-
"""
How wide the seam between legs and calls is: what a feature that crosses it has to pass.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import get_args

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.interfaces import ICall, ILeg
from ichatgw.model import InCall
from ichatgw.test.marks import slow
from ichatgw.test.support.sources import modules, trees

MAX_METHODS = 156
"""Of all classes that provide L{ILeg} or L{ICall} and of what they inherit from, private ones and properties too."""


def classes() -> Iterator[tuple[str, ast.ClassDef, type]]:
    """Each class of the product, by its full name."""
    for name, tree in trees():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not name.startswith("sim."):
                yield f"{name}.{node.name}", node, getattr(import_module(f"ichatgw.{name}"), node.name)


@cache
def sides() -> dict[str, list[tuple[str, bool]]]:
    """
    The classes that provide one of the two interfaces, and what they inherit from, but for protocols.

    @return: by the name of the class, the methods that it defines itself, and whether they do nothing.
    """
    known = [(name, methods(node), each) for name, node, each in classes()]
    made = [each for _, _, each in known if ILeg.implementedBy(each) or ICall.implementedBy(each)]
    whole = {base for each in made for base in each.__mro__ if not getattr(base, "_is_protocol", False)}
    return {name: own for name, own, each in known if each in whole}


def methods(made: ast.ClassDef) -> list[tuple[str, bool]]:
    """What a class defines itself, and whether it does nothing."""
    return [(each.name, isEmpty(each)) for each in made.body if isinstance(each, ast.FunctionDef)]


def isEmpty(method: ast.FunctionDef) -> bool:
    """Does it do nothing?"""
    return all(
        isinstance(each, ast.Pass) or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in method.body
    )


@slow
class SeamTests(SynchronousTestCase):
    """Legs and calls."""

    def test_width(self) -> None:
        """All legs and calls together have few methods."""
        counts = Counter({name: len(own) for name, own in sides().items()})
        self.assertIn("calls.call.Call", counts)
        self.assertTrue(counts.total() <= MAX_METHODS, f"{counts.total()}: {counts.most_common()}")

    def test_noneEmpty(self) -> None:
        """None of these methods does nothing: a leg implements what concerns it."""
        empty = [f"{name}.{each}" for name, own in sides().items() for each, nothing in own if nothing]
        self.assertEqual(empty, [])

    def test_core(self) -> None:
        """The core names no kind of in-call message, so that a new one is none of its business."""
        kinds = {kind.__name__ for kind in get_args(InCall)}
        for name, source in modules():
            if name.startswith("calls."):
                self.assertEqual(source.names & kinds, set(), name)

    def test_noProbes(self) -> None:
        """The core asks no leg what it is: what it has to know stands in an interface, or in the arrival."""
        probes = {"isinstance", "hasattr", "runtime_checkable", "providedBy"}
        for name, source in modules():
            if name.startswith("calls.") and name != "calls.journal":  # which reads what is on the disk
                self.assertEqual((source.names | source.attributes) & probes, set(), name)
