# -*- test-case-name: ichatgw.test.test_mutants -*-
"""Tests for L{ichatgw.test.mutants}."""

from __future__ import annotations

import ast
import sys
from io import StringIO
from pathlib import Path
from typing import Any

from twisted.scripts.trial import getTestModules
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test import mutants as module
from ichatgw.test.marks import slow
from ichatgw.test.mutants import Mutant, faults, faulty, judge, mutants, noticed, tried
from ichatgw.test.support.sources import ROOT


class Examples:
    """Holds cases that are not run by themselves, as trial does not look into classes."""

    class Good(SynchronousTestCase):
        def test_good(self) -> None:
            """Passes."""

    class Bad(SynchronousTestCase):
        def test_bad(self) -> None:
            """Fails."""
            self.fail("as it should")


def described(text: str) -> list[str]:
    """The faults of a text, in words."""
    return [fault.what for fault in faults(ast.parse(text))]


class FaultTests(SynchronousTestCase):
    """What is made wrong."""

    def outcomes(self, expression: str, **names: object) -> list[object]:
        """What the code with each fault makes of an expression, which is C{x}."""
        text = f"x = {expression}"
        found = []
        for number in range(len(faults(ast.parse(text)))):
            space: dict[str, Any] = dict(names)
            exec(faulty(text, number), space)
            found.append(space["x"])
        return found

    def test_comparisons(self) -> None:
        """A bound is one further, an equality its opposite, each of a chain by itself."""
        self.assertEqual(self.outcomes("a < b", a=1, b=1), [True])
        self.assertEqual(self.outcomes("a <= b", a=1, b=1), [False])
        self.assertEqual(self.outcomes("a == b", a=1, b=1), [False])
        self.assertEqual(self.outcomes("a in b", a=1, b=[]), [True])
        self.assertEqual(self.outcomes("a < b < c", a=1, b=1, c=1), [False, False])
        self.assertEqual(described("a < b < c"), ["Lt is LtE in a < b < c"] * 2)

    def test_words(self) -> None:
        """C{and} is C{or}; a condition is its opposite; truth and numbers are others."""
        self.assertEqual(self.outcomes("a and b", a=1, b=0), [1])
        self.assertEqual(self.outcomes("b if a else c", a=1, b=2, c=3), [3])
        self.assertEqual(self.outcomes("True"), [False])
        self.assertEqual(self.outcomes("7"), [8])
        self.assertEqual(self.outcomes("a + b", a=3, b=2), [1])

    def test_calls(self) -> None:
        """Arguments are in the wrong order; what is called for its effect is not called."""
        self.assertEqual(self.outcomes("divmod(a, b)", a=7, b=2), [(0, 2)])
        self.assertEqual(described("stop(now)"), ["without stop(now)"])

    def test_results(self) -> None:
        """Nothing is returned instead of something."""
        self.assertEqual(described("def f(a: int) -> int:\n    return a"), ["None instead of a"])
        self.assertEqual(described("def f() -> None:\n    return"), [])

    def test_tables(self) -> None:
        """What stands for what is a rule, as is what something begins with."""
        self.assertEqual(described("REASONS = {404: 1}"), ["404 is 405", "1 is 2"])
        self.assertEqual(described("class Calls:\n    isOpen: bool = True"), ["True is False"])
        self.assertEqual(described("class Calls:\n    count: int = field(default=0)"), ["0 is 1"])

    def test_idle(self) -> None:
        """What nobody depends on stays as it is: imports, texts, annotations, log lines, asserts."""
        for text in (
            "from a import b",
            "'A text: 1 < 2'",
            "x: Literal[1]",
            "def f(a: Literal[1]) -> Literal[2]:\n    pass",
            "_log.info('{a}', a=1 < 2)",
            "self._log.info('{a}', a=1)",
            "assert a < 1",
            "MAX_CALLS = 100",
            "MAX_OCTETS = 16 * 1024",
            "WAITS = (0.1, 2 * 60)",
            "class Limits:\n    most: int = 100",
            "class IPhone(Interface):\n    def ring(loudly: bool = False) -> None: ...",
            "x = max(a, b)",
            "x = get(a.b, a.b)",
            "x = hmac.compare_digest(a, b)",
            "x = a[:200]",
            "x = a[:MAX_OCTETS]",
            "x = len(a) > MAX_CALLS",
            "x = len(a) > 1000",
            "x = self._count >= _MAX_CALLS",
            "x = a <= tables.MAX_CALLS",
            "class C:\n    a: int = field(init=False, repr=False)",
            "class C:\n    a: int = field(kw_only=True)",
            "x = [*zip(a, a, strict=True)]",
            "if TYPE_CHECKING:\n    x = 1",
            "if a < 1 and self._lines.allow(None):\n    _log.warn('{a}', a=1)",
            "if a < 1:\n    _log.warn('{a}', a=1)\nelse:\n    _log.info('{a}', a=2)",
        ):
            self.assertEqual(described(text), [], text)

    def test_linesElsewhere(self) -> None:
        """A function that only writes a line is one; what else it does is a rule."""
        called = "def f(self):\n    self._say(1)\n"
        writes = "def _say(self, a):\n    'It is said.'\n    if self._lines.allow(a):\n        _log.info('{a}', a=a)\n"
        self.assertEqual(described(called + writes), [])
        self.assertEqual(described(called), ["without self._say(1)", "1 is 2"])
        more = "def _say(self, a):\n    _log.info('{a}', a=a)\n    stop()\n"
        self.assertEqual(described(called + more), ["without self._say(1)", "1 is 2", "without stop()"])
        self.assertEqual(
            described("def f(self):\n    self._say()\ndef _say(self):\n    'Nothing.'"), ["without self._say()"]
        )

    def test_besideALimit(self) -> None:
        """Where something stands, and that a limit is kept at all, are rules."""
        self.assertEqual(described("x = a[:4]"), ["4 is 5"])
        self.assertEqual(described("x = a[1:]"), ["1 is 2"])
        self.assertEqual(described("x = a > 500"), ["Gt is GtE in a > 500", "500 is 501"])
        self.assertEqual(described("if a > MAX_CALLS:\n    stop()"), ["if not a > MAX_CALLS", "without stop()"])
        self.assertEqual(described("x = a == MAX_CALLS"), ["Eq is NotEq in a == MAX_CALLS"])

    def test_besideALine(self) -> None:
        """What does more than to write a line, or does something else instead, is a rule."""
        line = "if a:\n    _log.info('a')\n"
        self.assertEqual(described(f"{line}    stop()"), ["if not a", "without stop()"])
        self.assertEqual(described(f"{line}else:\n    stop()"), ["if not a", "without stop()"])

    @slow
    def test_modules(self) -> None:
        """Every module that names its tests has faults, of which each can be made."""
        found = list(mutants("sip/transport/*"))
        self.assertGreater(len({mutant.path for mutant in found}), 5)
        path = found[0].path
        text = (ROOT / path).read_text("utf-8")
        codes = {faulty(text, mutant.number).co_code for mutant in found if mutant.path == path}
        self.assertTrue(codes)
        self.assertEqual(list(mutants("test/*")), [])
        self.assertTrue(all(mutant.tests for mutant in found))

    def test_namedTests(self) -> None:
        """Every module in which something can be wrong names its tests, and all that are named are there."""
        looked = 0
        for path in sorted(ROOT.rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if name.startswith(("test/", "sim/")):
                continue
            names = getTestModules(str(path))
            looked += len(names)
            if not names:
                self.assertEqual(described(path.read_text("utf-8")), [], name)
            for each in names:
                place = ROOT.parent.joinpath(*each.split("."))
                self.assertTrue(place.is_dir() or place.with_suffix(".py").is_file(), f"{name}: {each}")
        self.assertGreater(looked, 300)


class JudgeTests(SynchronousTestCase):
    """What becomes of a mutant."""

    NAMES = "ichatgw.test.test_mutants.Examples"

    def setUp(self) -> None:
        self.output = StringIO()
        self.patch(sys, "stdout", self.output)

    def test_noticed(self) -> None:
        """The first test that fails has noticed the fault; that none fails is no notice."""
        self.patch(module, "startLoggingWithObserver", lambda *a, **k: None)
        self.assertEqual(noticed([f"{self.NAMES}.Good"]), "")
        self.assertEqual(noticed([f"{self.NAMES}.Good", f"{self.NAMES}.Bad"]), f"{self.NAMES}.Bad.test_bad")

    @slow
    def test_importedBefore(self) -> None:
        """A fault in a module that these tests themselves import is there, too."""
        path = "sip/sippylib/clock.py"
        unheard = next(each for each in mutants(path) if each.what == "without callback(*params)")
        self.assertIn("test_clock", tried(unheard, Path(self.mktemp()).absolute()))

    def test_survivors(self) -> None:
        """Those that nothing has noticed are said and returned."""
        sample = [Mutant("model.py", number, number, f"fault {number}") for number in range(4)]
        self.patch(module, "tried", lambda mutant, directory: "" if mutant.number == 2 else "a.test")
        self.assertEqual(judge(sample, 2, Path(self.mktemp())), [sample[2]])
        said = self.output.getvalue().splitlines()
        self.assertEqual(len(said), 4)
        self.assertEqual(said[2], "SURVIVED ichatgw/model.py:2: fault 2")
        self.assertIn("a.test", said[3])
