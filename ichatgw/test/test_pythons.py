# -*- test-case-name: ichatgw.test.test_pythons -*-
"""
The sources, as the oldest Python sees them that is promised.

C{make lint} has C{vermin} look at all of them, which takes long.  Here the grammar is looked at, and those names that
are most easily taken from newer Pythons.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.marks import slow
from ichatgw.test.support.sources import ROOT, Source, read

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


def newerNames(source: Source) -> frozenset[str]:
    """The names in a module that L{OLDEST} has not got."""
    return ((source.imported | source.dotted) & NEWER) | (source.names & BUILTINS)


class OldestTests(SynchronousTestCase):
    """What Python 3.10 makes of the package."""

    @slow
    def test_sources(self) -> None:
        """Each module, of the tests too, has its grammar and none of the newer names."""
        for path in sorted(ROOT.rglob("*.py")):
            self.assertEqual(newerNames(read(path.read_text("utf-8"), OLDEST)), set(), path)

    def test_finds(self) -> None:
        """However it is written, it is found."""
        for text in (
            "from datetime import UTC",
            "import datetime\nx = datetime.UTC",
            "import tomllib",
            "from typing import Self",
            "raise ExceptionGroup('x', [])",
        ):
            self.assertNotEqual(newerNames(read(text)), set(), text)
        for text in ("try:\n    pass\nexcept* OSError:\n    pass", "type X = int", "def f[T](x: T) -> T: ..."):
            self.assertRaises(SyntaxError, read, text, OLDEST)
