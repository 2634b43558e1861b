# -*- test-case-name: ichatgw.test.test_marks -*-
"""Tests for L{ichatgw.test.marks}."""

from __future__ import annotations

import sys
from collections import Counter
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.marks import alone, chosen, command, slow


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
