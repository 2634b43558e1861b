# -*- test-case-name: ichatgw.test.test_imports -*-
"""
What tests of the sources ask about a module, read once.

Syntax trees are not kept: they hold so many objects that each run of Python's collector would take twice its time.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attrs import frozen

import ichatgw

ROOT = Path(ichatgw.__file__).parent


@frozen
class Source:
    """
    @ivar imported: the full names of all that a module imports, wherever it does so.
    @ivar names: the bare names that it uses.
    @ivar attributes: the names after a dot.
    @ivar dotted: names with dots between them, as they are written, e.g. C{time.time}.
    """

    imported: frozenset[str]
    names: frozenset[str]
    attributes: frozenset[str]
    dotted: frozenset[str]


def read(text: str, version: tuple[int, int] | None = None) -> Source:
    """
    @param version: of the Python whose grammar it has to have.
    @raise SyntaxError: if it has not.
    """
    return _read(ast.parse(text, feature_version=version))


def _read(tree: ast.Module) -> Source:
    nodes = list(ast.walk(tree))
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    return Source(
        frozenset(name for node in nodes for name in _imported(node)),
        frozenset(node.id for node in nodes if isinstance(node, ast.Name)),
        frozenset(node.attr for node in attributes),
        frozenset(name for node in attributes if (name := _dotted(node))),
    )


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _dotted(node: ast.expr) -> str:
    """The name with dots that an expression is; empty if it is something else."""
    if isinstance(node, ast.Name):
        return node.id
    before = _dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{before}.{node.attr}" if isinstance(node, ast.Attribute) and before else ""


def trees() -> Iterator[tuple[str, ast.Module]]:
    """The tree of each module of the package but its tests, by its name below C{ichatgw}; they are not to be kept."""
    for path in sorted(ROOT.rglob("*.py")):
        if "test" not in path.relative_to(ROOT).parts:
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").rstrip(".")
            yield name, ast.parse(path.read_text("utf-8"))


@cache
def modules() -> tuple[tuple[str, Source], ...]:
    """Each module of the package but its tests, by its name below C{ichatgw}."""
    return tuple((name, _read(tree)) for name, tree in trees())
