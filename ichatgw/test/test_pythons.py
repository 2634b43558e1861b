# -*- test-case-name: ichatgw.test.test_pythons -*-
"""
The sources, as the oldest Python sees them that is promised.

C{make lint} has C{vermin} look at all of them, which takes long.  Here the grammar is looked at, and those names that
are most easily taken from newer Pythons.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.test_imports import ROOT, imported

OLDEST = (3, 10)

NEWER = {
    "asyncio.Runner",
    "asyncio.TaskGroup",
    "asyncio.timeout",
    "contextlib.chdir",
    "datetime.UTC",
    "enum.StrEnum",
    "enum.member",
    "enum.verify",
    "hashlib.file_digest",
    "inspect.getmembers_static",
    "itertools.batched",
    "logging.getLevelNamesMapping",
    "tomllib",
    "typing.LiteralString",
    "typing.Never",
    "typing.NotRequired",
    "typing.Required",
    "typing.Self",
    "typing.TypeVarTuple",
    "typing.Unpack",
    "typing.assert_never",
    "typing.assert_type",
    "typing.override",
    "typing.reveal_type",
}
BUILTINS = {"ExceptionGroup", "BaseExceptionGroup", "PythonFinalizationError"}


def newerNames(tree: ast.Module) -> Iterator[str]:
    """The names in a module that L{OLDEST} has not got."""
    yield from (name for name in imported(tree) if name in NEWER)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in NEWER:
            yield ast.unparse(node)
        if isinstance(node, ast.Name) and node.id in BUILTINS:
            yield node.id


class OldestTests(SynchronousTestCase):
    """What Python 3.10 makes of the package."""

    def test_sources(self) -> None:
        """Each module, of the tests too, has its grammar and none of the newer names."""
        for path in sorted(ROOT.rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"), str(path), feature_version=OLDEST)
            self.assertEqual(list(newerNames(tree)), [], path)

    def test_finds(self) -> None:
        """However it is written, it is found."""
        for text in (
            "from datetime import UTC",
            "import datetime\nx = datetime.UTC",
            "import tomllib",
            "from typing import Self",
            "raise ExceptionGroup('x', [])",
        ):
            self.assertNotEqual(list(newerNames(ast.parse(text))), [], text)
        for text in ("try:\n    pass\nexcept* OSError:\n    pass", "type X = int", "def f[T](x: T) -> T: ..."):
            self.assertRaises(SyntaxError, ast.parse, text, feature_version=OLDEST)
