# -*- test-case-name: ichatgw.test.sip.test_signatures -*-
"""
What crosses a function of C{ichatgw.sip} has a type: C{Any} is the exception, and does not come back.
"""

from __future__ import annotations

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ichatgw import sip
from ichatgw.test.marks import slow

MOST = 40
"""How many parameters and results may be C{Any}: what is handed on as it came."""


def anyIn(text: str) -> list[str]:
    """The functions with C{Any} in their signatures, each as often as it is there."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        every = node.args
        parameters = (*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg)
        annotations = [each.annotation for each in parameters if each is not None]
        for annotation in (*annotations, node.returns):
            if annotation is not None:
                names = [each for each in ast.walk(annotation) if isinstance(each, ast.Name) and each.id == "Any"]
                found.extend(node.name for _ in names)
    return found


class SignatureTests(SynchronousTestCase):
    @slow
    def test_few(self) -> None:
        """At most L{MOST} of all parameters and results are C{Any}."""
        folder = Path(sip.__path__[0])
        found = [
            f"{path.relative_to(folder)}: {name}"
            for path in sorted(folder.rglob("*.py"))
            for name in anyIn(path.read_text())
        ]
        self.assertLessEqual(len(found), MOST, "\n".join(found))

    def test_seen(self) -> None:
        """C{Any} is seen wherever it stands in a signature, and nowhere else."""
        text = (
            "async def f(a: Any, /, b: list[Any], *c: Any, d: int, **e: Any) -> dict[Any, Any]:\n"
            "    x: Any = a\n"
            "def g(a: int) -> None: ...\n"
        )
        self.assertEqual(anyIn(text), ["f"] * 6)
