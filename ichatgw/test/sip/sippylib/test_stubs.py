# -*- test-case-name: ichatgw.test.sip.sippylib.test_stubs -*-
"""
The types that C{stubs/sippy} gives to sippy are those of the sippy that is installed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from inspect import Parameter, getmro, getsource, isclass, signature
from pathlib import Path
from textwrap import dedent
from typing import Any
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

import ichatgw.sip.endpoint  # noqa: F401  (it readies sippy)
from ichatgw.sip.sippylib import clock
from ichatgw.test.marks import slow

STUBS = Path(clock.__file__).parents[3] / "stubs"
OURS = "# ours"
"""Marks what this project adds to an object of sippy's."""


class Stub:
    """
    One module with types.

    @ivar name: that of the module of sippy.
    """

    def __init__(self, path: Path) -> None:
        self.name = ".".join(path.relative_to(STUBS).with_suffix("").parts)
        self._text = path.read_text()
        self.tree = ast.parse(self._text)
        self._lines = self._text.splitlines()

    def isOurs(self, node: ast.stmt) -> bool:
        """Is it none of sippy's?"""
        return OURS in self._lines[node.lineno - 1]

    def statements(self) -> Iterator[tuple[str | None, ast.stmt]]:
        """All that it declares, with the class that it belongs to; what is private to the stubs is left out."""
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef):
                if not node.name.startswith("_"):
                    yield None, node
                    yield from ((node.name, each) for each in node.body if nameOf(each))
            elif nameOf(node) and not nameOf(node).startswith("_"):
                yield None, node


def stubs() -> list[Stub]:
    """All of them."""
    if not STUBS.is_dir():
        raise SkipTest("the types of sippy belong to a checkout")
    return [Stub(path) for path in sorted(STUBS.rglob("*.pyi")) if path.name != "__init__.pyi"]


def nameOf(node: ast.stmt) -> str:
    """What a statement declares; empty for nothing."""
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return ""


def has(kind: Any, name: str) -> bool:
    """Does a class of sippy's have an attribute, or do those that work with transactions set it?"""
    if hasattr(kind, name):
        return True
    texts = [dedent(getsource(each)) for each in getmro(kind) if each.__module__ != "builtins"]
    texts.extend(getsource(import_module(f"sippy.{name}")) for name in ("SipTransactionManager", "UA"))
    holders = {"self", "t", "tr", "req"}
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id in holders
        for text in texts
        for node in ast.walk(ast.parse(text))
    ) or any(name in getattr(each, "__annotations__", {}) for each in getmro(kind))


def sippys(function: Any) -> Any:
    """sippy's own function, where one of ours is in its place."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def differences(stub: ast.FunctionDef, function: Any) -> list[str]:
    """Why a call that fits the stub does not fit the function."""
    real = signature(sippys(function)).parameters
    arguments = stub.args
    positional = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    takesAll = {each.kind for each in real.values()}
    optional = set(positional[len(positional) - len(arguments.defaults) :])
    named = [name for name, each in real.items() if each.kind is Parameter.POSITIONAL_OR_KEYWORD]
    found = []
    if positional != named[: len(positional)]:
        found.append(f"{positional} is not the beginning of {named}")
    found.extend(
        f"{name} has no default" for name in optional if name in real and real[name].default is Parameter.empty
    )
    found.extend(
        f"{name} has to be given" for name in named[len(positional) :] if real[name].default is Parameter.empty
    )
    if arguments.vararg is not None and Parameter.VAR_POSITIONAL not in takesAll:
        found.append("it takes no more arguments")
    if arguments.kwarg is not None and Parameter.VAR_KEYWORD not in takesAll:
        found.append("it takes no other names")
    return found


class StubTests(SynchronousTestCase):
    @slow
    def test_thereIsEachName(self) -> None:
        """sippy has each class, function and attribute that the types name."""
        for stub in stubs():
            module: Any = import_module(stub.name)
            for owner, node in stub.statements():
                if stub.isOurs(node):
                    continue
                holder = module if owner is None else getattr(module, owner)
                isThere = has(holder, nameOf(node)) if isclass(holder) else hasattr(holder, nameOf(node))
                self.assertTrue(isThere, f"{stub.name} has no {owner or ''} {nameOf(node)}")

    @slow
    def test_whatIsOursIsNotSippys(self) -> None:
        """What is marked as ours is nothing that sippy has, or it would be overwritten; and this project uses it."""
        texts = [path.read_text() for path in Path(clock.__file__).parents[1].rglob("*.py")]
        marked = 0
        for stub in stubs():
            module: Any = import_module(stub.name)
            for owner, node in stub.statements():
                if stub.isOurs(node):
                    marked += 1
                    assert owner is not None
                    name = nameOf(node)
                    self.assertFalse(has(getattr(module, owner), name), f"sippy has {owner}.{name}")
                    self.assertTrue(any(f".{name}" in text or f"def {name}(" in text for text in texts), name)
        self.assertGreater(marked, 5)

    def test_parameters(self) -> None:
        """Each call that the types allow is one that sippy takes."""
        checked = 0
        for stub in stubs():
            module: Any = import_module(stub.name)
            for owner, node in stub.statements():
                if isinstance(node, ast.FunctionDef) and not stub.isOurs(node):
                    checked += 1
                    holder = module if owner is None else getattr(module, owner)
                    found = differences(node, getattr(holder, node.name))
                    self.assertEqual(found, [], f"{stub.name} {owner}.{node.name}")
        self.assertGreater(checked, 100)

    def test_bases(self) -> None:
        """Classes descend from those that the types say."""
        for stub in stubs():
            module: Any = import_module(stub.name)
            for owner, node in stub.statements():
                if owner is None and isinstance(node, ast.ClassDef):
                    names = {each.__name__ for each in getmro(getattr(module, node.name))}
                    named = {base.id for base in node.bases if isinstance(base, ast.Name)}
                    self.assertLessEqual(named, names, node.name)

    def test_headersByName(self) -> None:
        """A header has the type that its name promises, wherever its name is given as such."""
        from sippy.SipHeader import hf_types

        (stub,) = [each for each in stubs() if each.name == "sippy.SipMsg"]
        seen = set()
        for _, node in stub.statements():
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("getHFB"):
                continue
            name = node.args.args[1].annotation
            if not isinstance(name, ast.Subscript):
                continue
            kinds = {each.id for each in ast.walk(node.returns or name) if isinstance(each, ast.Name)} - {"list"}
            for literal in ast.walk(name.slice):
                if isinstance(literal, ast.Constant) and isinstance(literal.value, str):
                    seen.add(literal.value)
                    names = {each.__name__ for each in getmro(hf_types[literal.value])}
                    self.assertLessEqual(kinds, names, literal.value)
        self.assertIn("refer-to", seen)


class DifferenceTests(SynchronousTestCase):
    """What L{StubTests} would notice."""

    def differ(self, stub: str, function: Any) -> int:
        (node,) = ast.parse(f"def f({stub}): ...").body
        assert isinstance(node, ast.FunctionDef)
        return len(differences(node, function))

    def test_same(self) -> None:
        """The same parameters, or the first of them, are compatible."""
        self.assertEqual(self.differ("a, b=1", lambda a, b=2: None), 0)
        self.assertEqual(self.differ("a", lambda a, b=2: None), 0)
        self.assertEqual(self.differ("a, *b, **c", lambda a, *b, **c: None), 0)

    def test_other(self) -> None:
        """Another name, a default that is none, a parameter that is missing or too many: each is seen."""
        self.assertEqual(self.differ("a", lambda b=1: None), 1)
        self.assertEqual(self.differ("a=1", lambda a: None), 1)
        self.assertEqual(self.differ("a", lambda a, b: None), 1)
        self.assertEqual(self.differ("a, b=1", lambda a: None), 1)
        self.assertEqual(self.differ("*a", lambda: None), 1)
        self.assertEqual(self.differ("**a", lambda: None), 1)

    def test_attributes(self) -> None:
        """An attribute that only a method sets is one; one that nothing sets is none."""
        from sippy.SipURL import SipURL

        self.assertTrue(has(SipURL, "original_uri"))
        self.assertFalse(has(SipURL, "original_url"))
