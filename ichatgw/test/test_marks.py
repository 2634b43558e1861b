# -*- test-case-name: ichatgw.test.test_marks -*-
"""Tests for L{ichatgw.test.marks}."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from itertools import chain, combinations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test import marks
from ichatgw.test.marks import alone, chosen, command, share, slow
from ichatgw.test.support.sources import ROOT


class Examples:
    """
    Holds cases that are not run by themselves, as trial does not look into classes.
    """

    class Mixed(SynchronousTestCase):
        def test_quick(self) -> None:
            """Has no mark."""

        @slow
        def test_slow(self) -> None:
            """Has one."""

    @alone
    class Apart(SynchronousTestCase):
        def test_first(self) -> None:
            """Has that of its class."""

        @slow
        def test_second(self) -> None:
            """Has that of its class, and one of its own."""

    class Failing(SynchronousTestCase):
        def test_fails(self) -> None:
            """Fails."""
            self.fail("as it should")


HERE = "ichatgw.test.test_marks.Examples"
QUICK, SLOW = f"{HERE}.Mixed.test_quick", f"{HERE}.Mixed.test_slow"
FIRST, SECOND = f"{HERE}.Apart.test_first", f"{HERE}.Apart.test_second"
BOTH = (f"{HERE}.Mixed", f"{HERE}.Apart")


class ChosenTests(SynchronousTestCase):
    """Which tests are run."""

    def test_all(self) -> None:
        """All of them, each once, when nothing else is asked."""
        self.assertEqual(Counter(chosen((*BOTH, QUICK))), Counter((QUICK, SLOW, FIRST, SECOND)))

    def test_wanted(self) -> None:
        """Those that have all marks that are wanted, by themselves or by their class."""
        self.assertEqual(set(chosen(BOTH, wanted=["slow"])), {SLOW, SECOND})
        self.assertEqual(set(chosen(BOTH, wanted=["alone"])), {FIRST, SECOND})
        self.assertEqual(chosen(BOTH, wanted=["alone", "slow"]), [SECOND])

    def test_unwanted(self) -> None:
        """Those that have none of the marks that are not wanted."""
        self.assertEqual(set(chosen(BOTH, unwanted=["slow"])), {QUICK, FIRST})
        self.assertEqual(chosen(BOTH, unwanted=["slow", "alone"]), [QUICK])
        self.assertEqual(chosen(BOTH, wanted=["alone"], unwanted=["slow"]), [FIRST])

    def test_halves(self) -> None:
        """The slow tests and the others are all tests of a package, and none is in both."""
        names = ["ichatgw.test.sip.test_anything", "ichatgw.test.sip.dialog.test_midcall"]
        halves = chosen(names, wanted=["slow"]), chosen(names, unwanted=["slow"])
        self.assertTrue(all(halves))
        self.assertEqual(sorted(halves[0] + halves[1]), sorted(chosen(names)))


class CommandTests(SynchronousTestCase):
    """What trial is told."""

    def setUp(self) -> None:
        self.output = StringIO()
        self.patch(sys, "stdout", self.output)

    def test_options(self) -> None:
        """Options that are not ours are trial's, and come before the tests."""
        told = command(["--without", "slow", "-j2", "--temp-directory=x", *BOTH])
        self.assertEqual(told[:2], ["-j2", "--temp-directory=x"])
        self.assertEqual(set(told[2:]), {QUICK, FIRST})

    def test_shuffle(self) -> None:
        """A seed determines the order, across classes, and is said."""
        orders = {tuple(command([f"--shuffle={seed}", *BOTH])) for seed in range(20)}
        self.assertGreater(len(orders), 5)
        self.assertTrue(any(order.index(QUICK) < order.index(FIRST) < order.index(SLOW) for order in orders))
        self.assertEqual({frozenset(order) for order in orders}, {frozenset((QUICK, SLOW, FIRST, SECOND))})
        self.assertEqual(command(["--shuffle=7", *BOTH]), command(["--shuffle=7", *reversed(BOTH)]))
        self.assertIn("--shuffle=7\n", self.output.getvalue())

    def test_shares(self) -> None:
        """All shares together are all tests, each once; those of a class are in one share, in their order."""
        tests = chosen(("ichatgw.test.sdp", "ichatgw.test.test_marks"))
        shares = [share(tests, number, 3) for number in range(3)]
        self.assertEqual(sorted(chain.from_iterable(shares)), sorted(tests))
        sizes = [len(each) for each in shares]
        self.assertTrue(all(sizes))
        classes = [{test.rpartition(".")[0] for test in each} for each in shares]
        self.assertTrue(all(first.isdisjoint(second) for first, second in combinations(classes, 2)))
        self.assertTrue(all(each == [test for test in tests if test in set(each)] for each in shares))
        self.assertEqual(command(["--share=1/2", *BOTH]), share(chosen(BOTH), 1, 2))
        self.assertRaises(SystemExit, command, ["--share=1/2", f"{HERE}.Mixed"])

    @slow
    def test_processes(self) -> None:
        """Each process runs its share, all of them say how it went, and one that fails is enough."""
        ours = [sys.executable, "-m", "ichatgw.test.marks", "--processes", "2", f"--temp-directory={self.mktemp()}"]
        for name, status in (("Apart", 0), ("Failing", 1)):
            told = [*ours, f"{HERE}.Mixed", f"{HERE}.{name}"]
            environment = {**os.environ, "PYTHONPATH": str(ROOT.parent)}
            run = subprocess.run(told, env=environment, capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, status, run.stderr)
            self.assertEqual(run.stdout.count("Ran "), 2, run.stdout)

    def test_anyInProcesses(self) -> None:
        """A seed by chance is the same for all processes, or some tests would run twice and others not at all."""
        told: list[Sequence[str]] = []

        def inProcesses(count: int, arguments: Sequence[str]) -> int:
            told.append(arguments)
            return 0

        self.patch(marks, "inProcesses", inProcesses)
        for _ in range(2):
            self.assertEqual(marks.main(["--processes", "2", "--shuffle=any", *BOTH]), 0)
        self.assertNotIn("--shuffle=any", [*told[0], *told[1]])
        self.assertEqual(told[0][1:], [*BOTH])
        self.assertNotEqual(told[0][0], told[1][0])

    def test_any(self) -> None:
        """A seed by chance is said, so that the order can be had again."""
        order = command(["--shuffle=any", *BOTH])
        said = self.output.getvalue().split()[-1]
        self.assertEqual(command([said, *BOTH]), order)

    def test_nothing(self) -> None:
        """It is an error if no test is so marked, or a name is wrong: nothing passes because nothing was run."""
        self.assertRaises(SystemExit, command, ["--with", "alone", f"{HERE}.Mixed"])
        self.assertRaises(SystemExit, command, ["ichatgw.test.test_nowhere"])
        self.assertRaises(SystemExit, command, [f"{HERE}.Mixed.test_absent"])
