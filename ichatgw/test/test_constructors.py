# -*- test-case-name: ichatgw.test.test_constructors -*-
"""
How much a class asks for when it is made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.marks import slow
from ichatgw.test.support.sources import trees

MOST = 8
"""As C{max-args} in C{pyproject.toml}, which knows nothing of attrs."""

PROFILES = "sim."
"""Programs that imitate phones and clients: what they take are the options of these."""


def parametersOf(found: ast.ClassDef) -> list[str]:
    """The attributes that the constructor of a class of attrs takes, those of its bases apart."""
    return [
        ast.unparse(line.target)
        for line in found.body
        if isinstance(line, ast.AnnAssign)
        and not ast.unparse(line.annotation).startswith("ClassVar")
        and not _isMade(line.value)
    ]


def _isMade(value: ast.expr | None) -> bool:
    """Is it a C{field(init=False)}?"""
    return isinstance(value, ast.Call) and any(
        each.arg == "init" and isinstance(each.value, ast.Constant) and each.value.value is False
        for each in value.keywords
    )


def doers(tree: ast.Module) -> Iterator[ast.ClassDef]:
    """
    The classes of attrs that do something.  Those that are frozen are values: a message or a snapshot has as many parts
    as it has, and values are what parameters are bundled in.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            names = {ast.unparse(each).partition("(")[0] for each in node.decorator_list}
            if "define" in names:
                yield node


class ConstructorTests(SynchronousTestCase):
    """The number of parameters."""

    @slow
    def test_few(self) -> None:
        """No class that does something takes more than a reader can keep apart."""
        many = [
            f"{name}.{found.name}: {len(taken)}"
            for name, tree in trees()
            if not name.startswith(PROFILES)
            for found in doers(tree)
            if len(taken := parametersOf(found)) > MOST
        ]
        self.assertEqual(many, [])

    def test_counts(self) -> None:
        """What has a default counts; what a class makes itself, and what all its objects share, does not."""
        tree = ast.parse(
            "@frozen\nclass Value:\n    a: int\n"
            "@define(eq=False)\nclass Doer:\n    a: int\n    _b: int = 1\n    c: int = field(init=False)\n"
            "    d: ClassVar[int] = 2\n    e: int = field(default=3, kw_only=True)\n    f = 4\n"
        )
        (found,) = doers(tree)
        self.assertEqual(parametersOf(found), ["a", "_b", "e"])
